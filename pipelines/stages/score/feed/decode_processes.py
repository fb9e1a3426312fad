"""Decodes images in processes of their own, which keep this process's lock free, into slabs of shared memory.

A batch takes a slab: its bytes are put into the front, and the processes put pixels behind them, a few images at a
time, so that nothing is copied once more. A slab comes back when the model has read it. A process that ends is replaced
and its images decoded again, each by itself: an image that ends several has an error, and all others their pixels.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from babelsift.filters.clip.decoders import DecodedImages
from babelsift.filters.clip.pixels.geometry import Geometry
from babelsift.pipelines.processes import start_child
from babelsift.pipelines.stages.score.feed.decode_worker import Decoded, decode_images, decode_into
from babelsift.pipelines.stages.score.feed.messages import receive, send
from babelsift.pipelines.stages.score.feed.slabs import Slab

_LOG = logging.getLogger(__name__)
_IMAGES_AT_ONCE = 8
_FILE_BYTES = 128 * 1024  # room for an image file, on average; what finds no room is decoded in this process
_WHOLE_BYTES = 384 * 384 * 3  # room for an image's pixels, on average, where they may be whole
_PATIENCE_S = 5.0  # then a batch has a further slab: others may be held by streams that nobody reads on
_TRIES = 3  # of an image by itself: a process may have been ended for other reasons
_PROGRAM = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from babelsift.pipelines.stages.score.feed.decode_worker import serve
serve(int(sys.argv[2]), int(sys.argv[3]))
"""
_FATAL = "image: decoding it ended the process that did so"


class DecodeProcesses:
    """Decoders in processes; safe to share between threads. See `babelsift.filters.clip.decoders.Decoders`.

    Its memory: each slab has `rows` times 128 KiB for files and, for pixels, as much as is cut out or 432 KiB.

    Args:
        processes: how many, >= 1.
        rows: the most images in a batch.
        slabs: batches that may be decoded, or wait for the model, at once.
        command: starts a worker, but for its last two arguments; none: this Python, with its path.
    """

    def __init__(
        self,
        processes: int,
        rows: int,
        *,
        slabs: int = 4,
        command: Sequence[str] = (),
    ) -> None:
        self.processes = processes
        self._rows = rows
        self._most_slabs = slabs
        self._command = tuple(command) or (sys.executable, "-c", _PROGRAM, json.dumps(sys.path))
        self._lock = threading.Lock()
        self._slabs: list[Slab] = []
        self._numbers = itertools.count()
        self._free: SimpleQueue[Slab] = SimpleQueue()
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        self._workers: set[_Worker] = set()
        self._threads = ThreadPoolExecutor(processes, "clip-decode")
        self._is_started = False
        self._finalizer = weakref.finalize(self, _end, self._threads, self._workers, self._slabs)

    @property
    def pids(self) -> list[int]:
        """The process ids of the decoders."""
        return [worker.pid for worker in self._workers]

    def close(self) -> None:
        """Ends the processes."""
        self._finalizer()

    def decode(self, images: Sequence[bytes | None], geometry: Geometry, *, leave_whole: bool) -> _Batch:
        """Begins to decode a batch; see `Decoders`.

        Raises:
            ValueError: it has more images than `rows`.
        """
        if len(images) > self._rows:
            raise ValueError(f"a batch of {len(images)} images is larger than {self._rows}")
        self._start()
        cut_bytes = geometry.height * geometry.width * 3
        each = max(cut_bytes, _WHOLE_BYTES) if leave_whole else cut_bytes
        slab = self._slab(self._rows * (_FILE_BYTES + each))
        room, written = self._rows * _FILE_BYTES, 0
        tasks: list[Future[list[Decoded]]] = []
        for start in range(0, len(images), _IMAGES_AT_ONCE):
            some = images[start : start + _IMAGES_AT_ONCE]
            task: dict[str, Any] = {"slab": slab.number, "geometry": asdict(geometry), "leave_whole": leave_whole}
            task["room"] = [room + start * each, room + (start + len(some)) * each]
            size = sum(len(image or b"") for image in some)
            if written + size > room:
                # They find no room: this process decodes them.
                tasks.append(self._threads.submit(decode_images, some, slab.memory, task))
                continue
            task["images"], written = _written(slab, some, written)
            tasks.append(self._threads.submit(self._decoded, slab, task))
        return _Batch(tasks, images, slab, self._free.put)

    def _start(self) -> None:
        """Starts the processes, when there is something to decode."""
        with self._lock:
            for _ in range(0 if self._is_started else self.processes):
                self._idle.put(self._started())
            self._is_started = True

    def _slab(self, size: int) -> Slab:
        """Returns a free slab, a new one where there may be more; waits for one otherwise."""
        with self._lock:
            if self._free.empty() and len(self._slabs) < self._most_slabs:
                return self._new_slab(size)
        try:
            slab = self._free.get(timeout=_PATIENCE_S)
        except Empty:
            with self._lock:
                return self._new_slab(size)
        if len(slab.memory) >= size:
            return slab
        with self._lock:  # of another geometry
            self._slabs.remove(slab)
            slab.close()
            return self._new_slab(size)

    def _new_slab(self, size: int) -> Slab:
        slab = Slab.make(next(self._numbers), size)
        self._slabs.append(slab)
        return slab

    def _decoded(self, slab: Slab, task: dict[str, Any]) -> list[Decoded]:
        found = self._asked(slab, task)
        if found is not None:
            return found
        # Whichever image it was: each by itself, in its part of the room.
        start, end = task["room"]
        each = (end - start) // len(task["images"])
        alone = []
        for row, image in enumerate(task["images"]):
            room = [start + row * each, start + (row + 1) * each]
            tries = (self._asked(slab, {**task, "images": [image], "room": room}) for _ in range(_TRIES))
            alone.append(next((one[0] for one in tries if one is not None), _FATAL))
        return alone

    def _asked(self, slab: Slab, task: dict[str, Any]) -> list[Decoded] | None:
        """Returns a worker's answer; None where it ended over it."""
        worker = self._idle.get()
        try:
            found = worker.ask(slab, task)
        except (OSError, EOFError):
            status = worker.end()
            self._workers.discard(worker)
            _LOG.warning("a process that decodes images ended (%s); another takes its place", status)
            self._idle.put(self._started())
            if worker.has_answered:
                return None
            # It never came to decode, and so might none: this process can.
            return decode_into(slab.memory, task)
        self._idle.put(worker)
        return found

    def _started(self) -> _Worker:
        worker = _Worker(self._command)
        self._workers.add(worker)
        return worker


class _Worker:
    """A process that decodes, used by one thread at a time."""

    def __init__(self, command: Sequence[str]) -> None:
        self._channel, theirs = socket.socketpair()
        with theirs:
            arguments = [*command, str(os.getpid()), str(theirs.fileno())]
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            self._process = start_child(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=environment,
                start_new_session=True,  # an interrupt is for this process, which ends them
            )
        self.has_answered = False
        self._known: set[int] = set()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def ask(self, slab: Slab, task: dict[str, Any]) -> list[Decoded]:
        """Returns what the process answers.

        Raises:
            OSError, EOFError: it is gone, or talks nonsense.
        """
        if not self.has_answered:
            receive(self._channel)
            self.has_answered = True
        if slab.number not in self._known:
            send(self._channel, {"slab": slab.number, "size": len(slab.memory)}, slab.file)
            self._known.add(slab.number)
        send(self._channel, task)
        answer, _ = receive(self._channel)
        return _checked(answer, task)

    def end(self) -> str:
        """Ends the process, if it has not ended itself, and returns how it ended."""
        self._channel.close()
        try:
            self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return f"exit status {self._process.returncode}"


@dataclass
class _Batch:
    tasks: Sequence[Future[list[Decoded]]]
    images: Sequence[bytes | None]
    slab: Slab
    give_back: Callable[[Slab], None]
    is_released: bool = False

    def result(self) -> DecodedImages:
        """Waits for all images."""
        memory = self.slab.memory
        found = [one for task in self.tasks for one in task.result()]
        pixels: list[np.ndarray | str] = []
        for image, one in zip(self.images, found, strict=True):
            if image is None:
                pixels.append("image: missing")
            elif isinstance(one, str):
                pixels.append(one)
            else:
                start, height, width = one
                pixels.append(memory[start : start + height * width * 3].reshape(height, width, 3))
        return DecodedImages(pixels, memory, self.release)

    def release(self) -> None:
        """Gives the slab back; may be called several times."""
        if not self.is_released:
            self.is_released = True
            self.give_back(self.slab)


def _written(slab: Slab, images: Sequence[bytes | None], at: int) -> tuple[list[list[int]], int]:
    """Puts files into a slab; returns [start, size] of each, and where the next may be put."""
    places = []
    for image in images:
        size = len(image or b"")
        if image:
            slab.memory[at : at + size] = np.frombuffer(image, np.uint8)
        places.append([at, size])
        at += size
    return places, at


def _checked(answer: Any, task: dict[str, Any]) -> list[Decoded]:
    """Returns an answer that keeps to its room: hostile bytes may have taken a decoder over."""
    start, end = task["room"]
    if not isinstance(answer, list) or len(answer) != len(task["images"]):
        raise EOFError("an answer is none of ours")
    for one in answer:
        if isinstance(one, str):
            continue
        at, height, width = one if isinstance(one, list) and len(one) == 3 else (-1, 0, 0)
        if not all(type(number) is int for number in (at, height, width)) or not start <= at or min(height, width) < 1:
            raise EOFError("an answer is none of ours")
        if at + height * width * 3 > end:
            raise EOFError("an answer is none of ours")
    return answer


def _end(threads: ThreadPoolExecutor, workers: set[_Worker], slabs: list[Slab]) -> None:
    threads.shutdown(wait=False, cancel_futures=True)
    for worker in list(workers):
        worker.end()
    for slab in slabs:
        slab.close()
    workers.clear()
    slabs.clear()
