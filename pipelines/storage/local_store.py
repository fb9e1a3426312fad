"""A store on a disk: a file is written under a temporary name, flushed to the disk, read back and renamed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import posixpath
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO

from babelsift.pipelines.storage.store import Entry, Store, temporary_path, whole_or_nothing
from babelsift.pipelines.storage.whole_file import WholeFile, cannot_write
from babelsift.schemas import RunFolderError

_BLOCK_BYTES = 2**20
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK)


@dataclass(frozen=True)
class LocalStore(Store):
    """See `Store`."""

    root: str
    is_local = True

    def writing(self, path: str, *, read_back: bool = False) -> AbstractContextManager[WholeFile]:
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
            os.replace(temporary, final)

        def abandon() -> None:
            try:
                file.close()
            finally:
                os.unlink(temporary)

        return whole_or_nothing(whole, finish=finish, abandon=abandon)

    def put_if_absent(self, path: str, content: bytes) -> bool:
        """See `Store.put_if_absent`."""
        final = self.path(path)
        temporary = temporary_path(final)
        try:
            with _create(temporary, final) as file:
                file.write(content)
                _flush(file)
            try:
                os.link(temporary, final)
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

    def delete(self, path: str) -> None:
        """See `Store.delete`."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path(path))


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
