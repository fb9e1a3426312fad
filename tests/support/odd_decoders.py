"""Functions that decoders run in place of `process_image`: what hostile images and broken libraries might make of it."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from typing import Any

from babelsift.filters.image import ImageFailure, ProcessedImage, process_image
from babelsift.schemas.recipe import DownloadSettings

SPINS, SLEEPS, STOPS, CRASHES, IS_KILLED = b"spins", b"sleeps", b"stops", b"crashes", b"is killed"


def act(body: bytes, *arguments: Any, **options: Any) -> object:
    """Does what a body says, and returns the other bodies with their arguments and the process's id."""
    if body == SPINS:
        while True:
            pass
    if body == SLEEPS:
        time.sleep(10_000)
    if body == STOPS:
        os.kill(os.getpid(), signal.SIGSTOP)
    if body == CRASHES:
        ctypes.string_at(0)
    if body == IS_KILLED:
        os.kill(os.getpid(), signal.SIGKILL)
    return body, arguments, os.getpid()


def process(body: bytes, settings: DownloadSettings, boxes: Any, **options: Any) -> ProcessedImage | ImageFailure:
    """As `process_image`, but of what `act` knows."""
    act(body)
    return process_image(body, settings, boxes, **options)


def die_once(body: bytes, marker: str, **options: Any) -> bytes:
    """Dies of an image, but not if there is a file already, which it makes."""
    if not os.path.exists(marker):
        with open(marker, "w"):
            os.kill(os.getpid(), signal.SIGKILL)
    return body


def fail(body: bytes, **options: Any) -> object:
    """Raises what a body says."""
    raise {b"memory": MemoryError(), b"value": ValueError("a value"), b"unpicklable": UnpicklableError(1, 2)}[body]


class UnpicklableError(Exception):
    """An exception that pickle takes and does not give back."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__("of two arguments")


def chatter(body: bytes, **options: Any) -> tuple[bool, bool]:
    """Writes a body to stderr as a C library does; returns whether that was heard, and whether it was once more."""
    os.write(2, body)
    return options["has_complained"](), options["has_complained"]()


def hold_memory(body: bytes, marker: str, **options: Any) -> list[str]:
    """Holds what large images hold, and leaves a file meanwhile; returns the names of all such files that there are."""
    with options["large_images"]:
        with open(f"{marker}/{os.getpid()}", "w"):
            others = os.listdir(marker)
        os.unlink(f"{marker}/{os.getpid()}")
    return others
