"""A store on any fsspec file system: on object stores one PUT writes a file, elsewhere a temporary name is moved.

Faults that can pass are tried again; what else a library raises comes out as an OSError.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar

from fsspec import AbstractFileSystem

from babelsift.pipelines.storage.errors import Retries, is_storage_error, retrying
from babelsift.pipelines.storage.store import Check, Entry, Store, is_temporary, temporary_path, whole_or_nothing
from babelsift.pipelines.storage.whole_file import WholeFile, cannot_write
from babelsift.schemas import RunFolderError, one_line

_Result = TypeVar("_Result")

_PUT_BYTES = 48 * 2**20  # larger files are sent in parts, for they would fill the memory
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
    late_s: float = field(default=1.0, kw_only=True)
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
        begun = time.monotonic()
        if check is not None:
            check()
        result = self.retried(operation) if can_repeat else as_os_errors(operation)
        if check is not None and time.monotonic() - begun >= self.late_s:
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


@dataclass(frozen=True)
class ObjectStore(RemoteStore):
    """A store whose file system shows a file whole or not at all.

    Attributes:
        put_bytes: larger files are sent in parts as they are written; None: none are.
    """

    put_bytes: int | None = field(default=_PUT_BYTES, kw_only=True)

    def writing(
        self, path: str, *, read_back: bool = False, check: Check | None = None
    ) -> AbstractContextManager[WholeFile]:
        """See `Store.writing`."""
        upload = self.upload(path, check)
        file = WholeFile(upload.write, self.path(path))
        return whole_or_nothing(file, finish=upload.finish, abandon=upload.discard)

    def upload(self, path: str, check: Check | None) -> Upload:
        """Returns what takes the bytes of a file and commits them."""
        return Upload(self, path, check)

    def sweep(self, folders: Iterable[str]) -> None:
        """See `Store.sweep`: nothing has another name here before it is committed."""


class Upload:
    """Bytes on their way into an object: held until it is known whether one PUT can send them."""

    def __init__(self, store: ObjectStore, path: str, check: Check | None) -> None:
        self._store = store
        self._path = store.path(path)
        self._check = check
        self._held = bytearray()
        self._parts: Any = None

    def write(self, view: memoryview) -> None:
        """Takes more of the file."""
        if self._parts is not None:
            as_os_errors(lambda: self._parts.write(view))
            return
        self._held += view
        if self._store.put_bytes is not None and len(self._held) > self._store.put_bytes:
            self._parts = as_os_errors(lambda: self._store.fs.open(self._path, "wb"))
            held, self._held = self._held, bytearray()
            as_os_errors(lambda: self._parts.write(held))

    def finish(self) -> None:
        """Gives the object what was taken."""
        if self._parts is not None:
            self._store.commit(self._parts.close, self._check, can_repeat=False)
        else:
            content = bytes(self._held)
            self._store.commit(lambda: self._store.fs.pipe_file(self._path, content), self._check)

    def discard(self) -> None:
        """Parts that were sent are no file; closing them, as their destructor does, would make one of them."""
        if self._parts is not None:
            with contextlib.suppress(Exception):
                self._parts.discard()
            self._parts.closed = True


@dataclass(frozen=True)
class RenamingStore(RemoteStore):
    """A store whose file system shows a file as it is being written: each is written under another name and moved."""

    def writing(
        self, path: str, *, read_back: bool = False, check: Check | None = None
    ) -> AbstractContextManager[WholeFile]:
        """See `Store.writing`."""
        final = self.path(path)
        temporary = temporary_path(path)
        hidden = self.path(temporary)
        try:
            self.retried(lambda: self.fs.makedirs(final.rpartition("/")[0], exist_ok=True))
            file = as_os_errors(lambda: self.fs.open(hidden, "wb"))
        except OSError as error:
            raise RunFolderError(f"cannot write {final}: {error}; choose another --output or mend it") from error

        def finish() -> None:
            as_os_errors(file.close)
            self.commit(lambda: self.fs.mv(hidden, final), check, can_repeat=False)

        def abandon() -> None:
            try:
                as_os_errors(file.close)
            finally:
                self.delete(temporary)

        whole = WholeFile(lambda view: as_os_errors(lambda: file.write(view)), final)
        return whole_or_nothing(whole, finish=finish, abandon=abandon)


class _Reader(io.RawIOBase):
    """A remote file, read range by range, so that each read that fails can be tried again."""

    def __init__(self, store: RemoteStore, path: str, size: int) -> None:
        super().__init__()
        self._store, self._path, self._size = store, path, size
        self._offset = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._offset, io.SEEK_END: self._size}[whence]
        self._offset = max(0, start + offset)
        return self._offset

    def tell(self) -> int:
        return self._offset

    def readinto(self, buffer: Any) -> int:
        content = self._read(min(self._size, self._offset + len(buffer)))
        buffer[: len(content)] = content
        return len(content)

    def readall(self) -> bytes:
        return self._read(self._size)

    def _read(self, end: int) -> bytes:
        content = self._store.read_range(self._path, self._offset, end)
        self._offset += len(content)
        return content
