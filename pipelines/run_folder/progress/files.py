"""How far a run is, as files in its folder: each process writes what it has counted, and anybody may read it.

They lie in staging, beside what differs from run to run: a product holds nothing of how long it took.
"""

from __future__ import annotations

import atexit
import logging
import os
import posixpath
import socket
import threading
from collections.abc import Callable
from typing import Any

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import BabelsiftError, RunFolderError

PROGRESS_FOLDER = "staging/progress"
TIMINGS = "staging/timings.json"
DRIVER = "driver"
RUNNING, DONE, FAILED = "running", "done", "failed"
_EVERY_S = 5.0


class ProgressFile:
    """Writes what this process counts into the run folder, every five seconds while its block runs, and at its end.

    A run is worth more than a look at it: what cannot be written is left out. A block that ends before the first five
    seconds with an error leaves no file.

    Args:
        folder: the run folder, as the run writes to it.
        counted: what is written, plain values.
        name: of the file; the driver's, or a worker's own.
        every_s: seconds from one to the next.
    """

    def __init__(
        self, folder: RunFolder, counted: Callable[[], dict[str, Any]], name: str = DRIVER, *, every_s: float = _EVERY_S
    ) -> None:
        self._folder = folder
        self._counted = counted
        self._path = f"{PROGRESS_FOLDER}/{name}.json"
        self._every_s = every_s
        self._ended = threading.Event()
        self._is_there = False

    def __enter__(self) -> ProgressFile:
        _told.add(self._folder.url)
        if self._is_left():
            self._write(RUNNING)  # in the place of what an earlier run told
        self._thread = threading.Thread(target=self._write_until_ended, name="progress", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        _told.discard(self._folder.url)
        self._ended.set()
        self._thread.join(self._every_s)
        if kind is None or self._is_there:
            self._write(DONE if kind is None else FAILED)

    def _is_left(self) -> bool:
        try:
            self._folder.size(self._path)
        except (OSError, BabelsiftError):
            return False
        return True

    def _write_until_ended(self) -> None:
        while not self._ended.wait(self._every_s):
            if not self._write(RUNNING):
                _told.discard(self._folder.url)
                return

    def _write(self, state: str) -> bool:
        try:
            self._folder.write_json(self._path, of_this_process(self._counted()) | {"state": state})
        except (OSError, BabelsiftError) as error:
            logging.debug("progress: %s", error)
            return False
        self._is_there = True
        return True


# Run folders that this process tells of already.
_told: set[str] = set()


def tell_from_worker(folder: RunFolder, counted: Callable[[], dict[str, Any]]) -> None:
    """Begins to write what this process counts, where it is a worker beside the driver's process, and at its end.

    A worker that is forked for one step may be done before the first five seconds.

    Args:
        folder: the run folder, as the run writes to it; a later run in it ends the writing. One that no run has
            claimed is not told of.
        counted: as of `ProgressFile`.
    """
    if folder.fence is not None and folder.url not in _told:
        file = ProgressFile(folder, counted, f"{socket.gethostname()}-{os.getpid()}").__enter__()
        atexit.register(file.__exit__, None)


def of_this_process(counted: dict[str, Any]) -> dict[str, Any]:
    """Returns what a process has counted, with which process it is, and the memory that it and its children have."""
    return {**counted, "host": socket.gethostname(), "pid": os.getpid(), "memory_bytes": _memory_bytes()}


def _memory_bytes() -> int:
    """Returns the memory of this process and its children; 0 where psutil is missing, as in an older environment."""
    try:
        import psutil
    except ImportError:
        return 0
    process = psutil.Process()
    total = 0
    for member in (process, *process.children(recursive=True)):
        try:
            total += member.memory_info().rss
        except psutil.Error:
            continue  # it has ended meanwhile
    return total


def read_progress(folder: RunFolder) -> list[dict[str, Any]]:
    """Returns what the processes of the latest run have written, the driver's first; none where no run has.

    A file that is no JSON, or is gone meanwhile, is passed over: it is written anew in seconds.
    """
    files = []
    for name in folder.list(PROGRESS_FOLDER, ".json"):
        try:
            content = folder.read_json(posixpath.join(PROGRESS_FOLDER, name))
        except (RunFolderError, OSError):
            continue
        if isinstance(content, dict) and isinstance(content.get("stages"), dict):
            files.append(content | {"is_driver": name == f"{DRIVER}.json"})
    files.sort(key=lambda content: not content["is_driver"])
    began = files[0].get("began", 0) if files and files[0]["is_driver"] else 0
    return [content for content in files if content["is_driver"] or content.get("at", 0) >= began]
