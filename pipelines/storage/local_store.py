"""A store on a disk: a file is written under a temporary name, flushed to the disk, read back and renamed.

A file that is removed is renamed, too, into a folder of a temporary name. So every commit is one rename from or into a
temporary name that was there before the writer asked whether it may commit, and fails where a sweep took it away.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import posixpath
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO

from babelsift.pipelines.storage.store import Check, Entry, Store, is_temporary, temporary_path, whole_or_nothing
from babelsift.pipelines.storage.whole_file import WholeFile, cannot_write
from babelsift.schemas import RunFolderError

_BLOCK_BYTES = 2**20
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK)


@dataclass(frozen=True)
class LocalStore(Store):
    """See `Store`."""

    root: str
    is_local = True

    def writing(
        self, path: str, *, read_back: bool = False, check: Check | None = None
    ) -> AbstractContextManager[WholeFile]:
        """See `Store.writing`."""
        final = self.path(path)
        temporary = temporary_path(final)
        file = _create(temporary, final)
        whole = WholeFile(file.write, final)

        def finish() -> None:
            _flush(file)
            file.close()
            if read_back and _sha256(temporary) != whole.sha256:
                raise RunFolderError(f"{final}: does not read back as it was written; check the disk and run again")
            _commit(lambda: os.replace(temporary, final), check)

        def abandon() -> None:
            try:
                file.close()
            finally:
                os.unlink(temporary)

        return whole_or_nothing(whole, finish=finish, abandon=abandon)

    def put_if_absent(self, path: str, content: bytes, *, check: Check | None = None) -> bool:
        """See `Store.put_if_absent`."""
        final = self.path(path)
        temporary = temporary_path(final)
        try:
            with _create(temporary, final) as file:
                file.write(content)
                _flush(file)
            try:
                _commit(lambda: os.link(temporary, final), check)
            except FileExistsError:
                return self.read(path) == content
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                return self._create_there(path, content)
        except OSError as error:
            raise cannot_write(final, error) from error
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        return True

    def _create_there(self, path: str, content: bytes) -> bool:
        """As `put_if_absent`, on a file system without hard links, where a killed writer may leave half a file."""
        try:
            with open(self.path(path), "xb") as file:
                file.write(content)
                _flush(file)
        except FileExistsError:
            return self.read(path) == content
        return True

    def read_range(self, path: str, start: int, end: int) -> bytes:
        """See `Store.read_range`."""
        with open(self.path(path), "rb", buffering=0) as file:
            file.seek(start)
            return _read_all(file, end - start)

    def read(self, path: str) -> bytes:
        """See `Store.read`."""
        with self.open(path) as file:
            return file.read()

    def open(self, path: str) -> BinaryIO:
        """See `Store.open`."""
        return open(self.path(path), "rb")

    def size(self, path: str) -> int:
        """See `Store.size`."""
        return os.stat(self.path(path)).st_size

    def exists(self, path: str) -> bool:
        """See `Store.exists`."""
        return os.path.exists(self.path(path))

    def list(self, folder: str) -> list[Entry]:
        """See `Store.list`."""
        try:
            with os.scandir(self.path(folder)) as scan:
                entries = [Entry(one.name, one.is_dir(), _size_of(one)) for one in scan]
        except FileNotFoundError:
            return []
        return sorted(entries, key=lambda entry: entry.name)

    def find(self, folder: str) -> dict[str, int]:
        """See `Store.find`."""
        sizes: dict[str, int] = {}
        for entry in self.list(folder):
            path = posixpath.join(folder, entry.name)
            sizes |= self.find(path) if entry.is_folder else {path: entry.size or 0}
        return dict(sorted(sizes.items()))

    def delete(self, path: str, *, check: Check | None = None) -> None:
        """See `Store.delete`."""
        final = self.path(path)
        removed = temporary_path(final)
        if check is not None and os.path.isfile(final) and _has_made(removed):
            try:
                with contextlib.suppress(FileNotFoundError):
                    _commit(lambda: os.replace(final, _within(removed)), check)
            finally:
                _take_away(removed)
            return
        if check is not None:
            check()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(final)

    def sweep(self, folders: Iterable[str]) -> None:
        """See `Store.sweep`."""
        self._sweep("", self.list(""))
        for folder in folders:
            self._sweep_below(folder)

    def _sweep_below(self, folder: str) -> None:
        entries = self.list(folder)
        self._sweep(folder, entries)
        for entry in entries:
            if entry.is_folder and not is_temporary(entry.name):
                self._sweep_below(posixpath.join(folder, entry.name))

    def _sweep(self, folder: str, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if is_temporary(entry.name):
                _take_away(self.path(folder, entry.name))


def _commit(rename: Callable[[], object], check: Check | None) -> None:
    """Asks whether this writer may commit, then does.

    Raises:
        RunFolderError: it may not.
    """
    if check is not None:
        check()
    try:
        rename()
    except FileNotFoundError:
        if check is not None:
            check()  # swept away by a run that began after the first look
        raise


def _within(folder: str) -> str:
    return posixpath.join(folder, posixpath.basename(folder))


def _has_made(folder: str) -> bool:
    """Makes a folder for a file that is removed; where it cannot be made, as on a full disk, the file goes without."""
    try:
        os.mkdir(folder)
    except OSError:
        return False
    return True


def _take_away(path: str) -> None:
    """Removes a file under a temporary name, or a folder with a file that was being removed."""
    if not os.path.isdir(path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return
    for attempt in range(2):  # its writer may move the file into it between the two steps
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_within(path))
        try:
            os.rmdir(path)
            return
        except FileNotFoundError:
            return
        except OSError as error:
            if attempt or error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise


def _create(temporary: str, final: str) -> BinaryIO:
    try:
        os.makedirs(os.path.dirname(final), exist_ok=True)
        return open(temporary, "xb")
    except OSError as error:
        raise RunFolderError(f"cannot write {final}: {error}; choose another --output or mend it") from error


def _flush(file: BinaryIO) -> None:
    """Or a power cut could leave the name without the bytes."""
    file.flush()
    os.fsync(file.fileno())


def _size_of(entry: os.DirEntry[str]) -> int | None:
    try:
        return None if entry.is_dir() else entry.stat().st_size
    except FileNotFoundError:
        return 0  # removed meanwhile, or a link to nowhere


def _read_all(file: BinaryIO, size: int) -> bytes:
    """A raw file may give less than what it is asked for although there is more."""
    blocks = []
    while size > 0 and (block := file.read(size)):
        blocks.append(block)
        size -= len(block)
    return blocks[0] if len(blocks) == 1 else b"".join(blocks)


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
