"""Writes how far a run is into a file for Prometheus, every ten seconds and at its end."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from babelsift.pipelines.run_folder.progress.exposition import exposition
from babelsift.pipelines.run_folder.progress.files import DONE, FAILED, RUNNING
from babelsift.schemas import InputError

_EVERY_S = 10.0
Poll = Callable[[], Sequence[Mapping[str, Any]]]


@contextlib.contextmanager
def metrics_written(path: Path | None, poll: Poll, *, every_s: float = _EVERY_S) -> Iterator[None]:
    """Writes what a run's processes have counted into a file while its block runs; None: writes nothing.

    Raises:
        InputError: the file cannot be written when the block begins; later on that costs the run nothing.
    """
    if path is None:
        yield
        return
    try:
        _write(path, poll(), RUNNING)
    except OSError as error:
        raise InputError(f"--metrics-file {path}: cannot be written ({error.strerror or error})") from error
    ended = threading.Event()
    thread = threading.Thread(target=_write_until_ended, args=(path, poll, ended, every_s), daemon=True)
    thread.start()
    state = FAILED
    try:
        yield
        state = DONE
    finally:
        ended.set()
        thread.join()
        _try_to_write(path, poll, state)


def _write_until_ended(path: Path, poll: Poll, ended: threading.Event, every_s: float) -> None:
    while not ended.wait(every_s):
        _try_to_write(path, poll, RUNNING)


def _try_to_write(path: Path, poll: Poll, state: str) -> None:
    try:
        _write(path, poll(), state)
    except OSError as error:
        logging.debug("metrics: %s", error)


def _write(path: Path, processes: Sequence[Mapping[str, Any]], state: str) -> None:
    """Writes the file whole, by a name that the collector passes over until then."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(exposition(processes, state), encoding="utf-8")
    temporary.replace(path)
