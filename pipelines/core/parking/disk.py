"""Temporary files in which encoded elements wait: a file an owner, without a name, so that none outlives its process.

Beam's in-process runner keeps what crosses a step's border, encoded, until the job ends: about five copies in memory. A
coder that parks the bytes here gives the runner a reference of 17 bytes in their place, whatever the copies.
"""

from __future__ import annotations

import contextlib
import os
import struct
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from babelsift.schemas import RunnerError
from babelsift.schemas.errors import one_line

_REFERENCE = struct.Struct("<IQI")  # number of the file, offset, length
INLINE, _PARKED = b"\x00", b"\x01"
_INLINE_BYTES = 256  # what is smaller costs no more in memory than on disk


@dataclass
class _File:
    descriptor: int
    size: int = 0


class Parking:
    """Parks bytes in temporary files of a folder; may be used from several threads at once.

    Args:
        folder: an existing folder of this machine.

    >>> with parked_in("/tmp") as parking:
    ...     parking.begin("rules")
    ...     reference = parking.park(b"x" * 10_000)
    ...     len(reference), len(parking.read(reference)), parking.used_bytes
    (17, 10000, 10000)
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.used_bytes = self.peak_bytes = 0
        self._lock = threading.Lock()
        self._owner = ""
        self._numbers: dict[str, int] = {}
        self._files: dict[int, _File] = {}
        self._begun = 0

    def begin(self, owner: str) -> None:
        """Sets the owner of what is parked from now on; what that owner parked before stays."""
        with self._lock:
            self._owner = owner

    def park(self, content: bytes) -> bytes:
        """Returns what stands for some bytes: a reference, or themselves where they are few.

        Raises:
            RunnerError: the disk is full, or the folder cannot be written.
        """
        if len(content) < _INLINE_BYTES:
            return INLINE + content
        with self._lock:
            try:
                number, file = self._open_file()
                offset = file.size
                _write_all(file.descriptor, content, offset)
            except OSError as error:
                gigabytes = self.used_bytes / 1e9
                raise RunnerError(
                    f"temporary files in {self.folder}: {one_line(error)} ({gigabytes:.1f} GB of them are there); make "
                    "room, or name another folder with --temp-dir"
                ) from error
            file.size += len(content)
            self.used_bytes += len(content)
            self.peak_bytes = max(self.peak_bytes, self.used_bytes)
        return _PARKED + _REFERENCE.pack(number, offset, len(content))

    def read(self, reference: bytes) -> bytes:
        """Returns the bytes that a reference stands for, which nobody has given back."""
        number, offset, length = _REFERENCE.unpack_from(reference, 1)
        content = os.pread(self._files[number].descriptor, length, offset)
        while len(content) < length:  # a signal may cut a read short
            more = os.pread(self._files[number].descriptor, length - len(content), offset + len(content))
            if not more:
                raise RunnerError(f"temporary files in {self.folder}: one is shorter than it was written; run again")
            content += more
        return content

    def give_back(self, owner: str) -> None:
        """Frees what an owner has parked: nobody reads it any more."""
        with self._lock:
            number = self._numbers.pop(owner, None)
            if number is not None:
                self._close(number)

    def close(self) -> None:
        """Frees everything."""
        with self._lock:
            self._numbers.clear()
            for number in list(self._files):
                self._close(number)

    def _open_file(self) -> tuple[int, _File]:
        number = self._numbers.get(self._owner)
        if number is None:
            number = self._begun
            # Open and without a name: the system frees it when this process ends, however it ends.
            with tempfile.TemporaryFile(dir=self.folder, prefix="babelsift-") as file:
                self._files[number] = _File(os.dup(file.fileno()))
            self._numbers[self._owner] = (
                number  # once it is there: another thread may park for this owner after a failure
            )
            self._begun += 1
        return number, self._files[number]

    def _close(self, number: int) -> None:
        file = self._files.pop(number)
        os.close(file.descriptor)
        self.used_bytes -= file.size


def _write_all(descriptor: int, content: bytes, offset: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


_current: Parking | None = None
_is_taken = threading.Lock()


def current_parking() -> Parking | None:
    """Returns where the job under way in this process parks; None: nowhere, its elements stay as they are."""
    return _current


def parked(content: bytes) -> bytes:
    """Returns bytes for a coder to give: those that they are, or where the job under way parks, a reference."""
    return INLINE + content if _current is None else _current.park(content)


def unparked(encoded: bytes) -> bytes | memoryview:
    """Returns the bytes of which `parked` made these.

    Raises:
        RunnerError: they are on the disk of another process.
    """
    if encoded[:1] == INLINE:
        return memoryview(encoded)[1:]
    if _current is None:
        raise RunnerError("an element waits in another process's temporary files: a job may not leave its process")
    return _current.read(encoded)


@contextlib.contextmanager
def parked_in(folder: str) -> Iterator[Parking]:
    """Parks what waits, while its block runs, in temporary files of a folder.

    Raises:
        RunnerError: another job of this process parks: its references would be taken for this one's.
    """
    global _current
    if not _is_taken.acquire(blocking=False):
        raise RunnerError("another run is under way in this process; wait for its end, or start a process for each")
    try:
        with contextlib.closing(Parking(folder)) as _current:
            yield _current
    finally:
        _current = None
        _is_taken.release()
