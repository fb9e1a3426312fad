"""What stores on any fsspec file system share: reading by range, listing, deleting, and commits that are tried again.

Faults that can pass are tried again; what else a library raises comes out as an OSError.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar

from fsspec import AbstractFileSystem

from babelsift.pipelines.storage.clock import seconds_of_this_machine
from babelsift.pipelines.storage.errors import Retries, is_storage_error, retrying
from babelsift.pipelines.storage.seekable_file import SeekableFile
from babelsift.pipelines.storage.store import Check, Entry, Store, is_temporary
from babelsift.pipelines.storage.whole_file import cannot_write
from babelsift.schemas import one_line

_Result = TypeVar("_Result")

_READ_AHEAD_BYTES = 4 * 2**20


class StorageError(OSError):
    """A fault of a file system's library that is no OSError itself: no credentials, a dead endpoint, a checksum."""


def as_os_errors(operation: Callable[[], _Result]) -> _Result:
    """Returns what an operation of a file system returns.

    Raises:
        OSError: it failed.
    """
    try:
        return operation()
    except OSError:
        raise
    except Exception as error:
        if not is_storage_error(error):
            raise
        raise StorageError(one_line(error)) from error


@dataclass(frozen=True)
class RemoteStore(Store):
    """What stores on any fsspec file system share: everything but how a file is written.

    Attributes:
        retries: of what fails for a reason that can pass; None: `default_retries()`.
        late_s: a commit that took so many seconds since it was asked whether it may is asked for again.
    """

    fs: AbstractFileSystem
    root: str
    retries: Retries | None = field(default=None, kw_only=True)
    late_s: float = field(default=2.0, kw_only=True)
    is_local = False

    def put_if_absent(self, path: str, content: bytes, *, check: Check | None = None) -> bool:
        """See `Store.put_if_absent`."""
        try:
            self.commit(lambda: self.fs.pipe_file(self.path(path), content, mode="create"), check)
        except OSError as error:
            # Servers say in several ways that there is such a file; it may be ours, of an attempt that failed half way.
            try:
                return self.read(path) == content
            except OSError:
                raise cannot_write(self.path(path), error) from error
        return True

    def commit(self, operation: Callable[[], _Result], check: Check | None, *, can_repeat: bool = True) -> _Result:
        """Returns what an operation does that makes something visible, asked for before, and after one that took long.

        Args:
            can_repeat: whether the operation may be tried again where its error can pass.
        Raises:
            OSError: it failed.
            RunFolderError: this writer may commit no more.
        """
        looked = seconds_of_this_machine() if check is None else check(seconds_of_this_machine() - self.settles_s / 2)
        result = self.retried(operation) if can_repeat else as_os_errors(operation)
        if check is not None and seconds_of_this_machine() - looked >= self.late_s:
            check()
        return result

    def read_range(self, path: str, start: int, end: int) -> bytes:
        """See `Store.read_range`."""
        if end <= start:
            return b""
        try:
            return self.retried(lambda: self.fs.cat_file(self.path(path), start=start, end=end))
        except FileNotFoundError:
            raise
        except OSError:
            if self.size(path) <= start:  # for which stores have an error of their own
                return b""
            raise

    def read(self, path: str) -> bytes:
        """See `Store.read`."""
        return self.retried(lambda: self.fs.cat_file(self.path(path)))

    def open(self, path: str) -> BinaryIO:
        """See `Store.open`."""
        return io.BufferedReader(_Reader(self, path, self.size(path)), _READ_AHEAD_BYTES)

    def size(self, path: str) -> int:
        """See `Store.size`."""
        info = self.retried(lambda: self._fresh().info(self.path(path)))
        if info["type"] == "directory":
            raise FileNotFoundError(self.path(path))
        return int(info["size"])

    def exists(self, path: str) -> bool:
        """See `Store.exists`."""
        try:
            self.retried(lambda: self._fresh().info(self.path(path)))
        except FileNotFoundError:
            return False
        return True

    def list(self, folder: str) -> list[Entry]:
        """See `Store.list`."""
        prefix = self.path(folder).rstrip("/") + "/"
        try:
            infos = self.retried(lambda: self._fresh().ls(self.path(folder), detail=True))
        except FileNotFoundError:
            return []
        entries = []
        for info in infos:
            name = info["name"].removeprefix(prefix).rstrip("/")
            if info["name"].startswith(prefix) and name:  # not the folder's own marker, nor a file of its name
                is_folder = info["type"] == "directory"
                entries.append(Entry(name, is_folder, None if is_folder else int(info["size"] or 0)))
        return sorted(entries, key=lambda entry: entry.name)

    def find(self, folder: str) -> dict[str, int]:
        """See `Store.find`."""
        root, prefix = self.path("").rstrip("/") + "/", self.path(folder).rstrip("/") + "/"
        infos = self.retried(lambda: self._fresh().find(self.path(folder), detail=True))
        return {
            name.removeprefix(root): int(info["size"] or 0)
            for name, info in sorted(infos.items())
            if name.startswith(prefix) and name != prefix
        }

    def delete(self, path: str, *, check: Check | None = None) -> None:
        """See `Store.delete`."""
        with contextlib.suppress(FileNotFoundError):
            self.commit(lambda: self.fs.rm_file(self.path(path)), check)

    def sweep(self, folders: Iterable[str]) -> None:
        """See `Store.sweep`."""
        for folder in folders:
            for path in filter(is_temporary, self.find(folder)):
                self.delete(path)
        for entry in self.list(""):
            if is_temporary(entry.name):
                self.delete(entry.name)

    def _fresh(self) -> AbstractFileSystem:
        self.fs.invalidate_cache()
        return self.fs

    def retried(self, operation: Callable[[], _Result]) -> _Result:
        """Returns what an operation of the file system returns, tried again where its error can pass.

        Raises:
            OSError: it failed.
        """
        return as_os_errors(lambda: retrying(operation, retries=self.retries))


class _Reader(SeekableFile):
    """A remote file, read range by range, so that each read that fails can be tried again."""

    def __init__(self, store: RemoteStore, path: str, size: int) -> None:
        super().__init__()
        self._store, self._path, self._size = store, path, size

    @property
    def size(self) -> int:
        return self._size

    def readinto(self, buffer: Any) -> int:
        content = self._read(min(self._size, self.position + len(buffer)))
        buffer[: len(content)] = content
        return len(content)

    def readall(self) -> bytes:
        return self._read(self._size)

    def _read(self, end: int) -> bytes:
        content = self._store.read_range(self._path, self.position, end)
        self.position += len(content)
        return content
