"""How many images a second the cores can decode, resize and encode where they do nothing else."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import cv2

from babelsift.filters.image import read_header
from babelsift.filters.image.process import decode_for
from babelsift.filters.image.resize import encode_image, resize_image
from babelsift.schemas.recipe import DownloadSettings

_SECONDS = 5.0


def images_a_second(photos: str, settings: DownloadSettings | None = None) -> float:
    """Returns the pace of the bare loop over a folder's photographs, a thread a core, as the stage does it."""
    settings = settings or DownloadSettings(image_size=256, resize_mode="keep_ratio")
    bodies = [file.read_bytes() for file in sorted(Path(photos).iterdir())]
    headers = [read_header(body) for body in bodies]
    cv2.setNumThreads(1)
    cores = os.cpu_count() or 1
    done = [0] * cores
    started = time.perf_counter()

    def loop(core: int) -> None:
        number = core * len(bodies) // cores
        while time.perf_counter() - started < _SECONDS:
            body, header = bodies[number % len(bodies)], headers[number % len(bodies)]
            encode_image(resize_image(decode_for(body, header, settings), settings), settings)
            done[core] += 1
            number += 1

    threads = [threading.Thread(target=loop, args=(core,)) for core in range(cores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - started)
