"""The run folder: where everything of a run lies, on any fsspec file system, and how files come to be in it whole.

shards/     the product            rejects/    the ledger
staging/    work paid for once     report/     for people
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import os
import posixpath
import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO

import fsspec
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem

from babelsift.schemas import RunFolderError


@dataclass(frozen=True)
class TarFolder:
    """A folder of staging tars that another program wrote; its shard numbers are written with so many digits."""

    url: str
    digits: int

    def name(self, shard: int) -> str:
        """Returns a shard's name there, without suffix."""
        return f"{shard:0{self.digits}d}"


@dataclass(frozen=True)
class RunFolder:
    """A run folder by its URL; picklable, and cheap to make where it is needed.

    Paths given to its methods are relative to the folder, with `/` between parts.

    Attributes: tars: where staged images lie; None: in the folder's own staging shards.
    """

    url: str
    storage_options: tuple[tuple[str, Any], ...] = ()
    tars: TarFolder | None = None

    @cached_property
    def _filesystem_and_root(self) -> tuple[AbstractFileSystem, str]:
        fs, root = fsspec.core.url_to_fs(self.url, **dict(self.storage_options))
        return fs, root.rstrip("/") or root

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "storage_options": self.storage_options, "tars": self.tars}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    @property
    def fs(self) -> AbstractFileSystem:
        """The file system that the folder is on."""
        return self._filesystem_and_root[0]

    def path(self, *parts: str) -> str:
        """Returns the full path of a file in the folder, as its file system names it."""
        return posixpath.join(self._filesystem_and_root[1], *parts)

    def exists(self, *parts: str) -> bool:
        """Whether the file or folder is there."""
        return self.fs.exists(self.path(*parts))

    def list(self, folder: str, suffix: str = "") -> list[str]:
        """Returns the sorted names of the files in a folder that end in `suffix`; none where there is no folder."""
        names = self._names(folder)
        return sorted(name for name in names if name.endswith(suffix) and not name.startswith(_TEMPORARY))

    def files_under(self, folder: str) -> list[str]:
        """Returns the paths, within the run folder, of all files in a folder and below; none where there is none."""
        self.fs.invalidate_cache()
        root = self.path("").rstrip("/") + "/"
        return sorted(path.removeprefix(root) for path in self.fs.find(self.path(folder)))

    def folders(self, folder: str) -> list[str]:
        """Returns the sorted names of the folders in a folder; none where there is no folder."""
        return sorted(name for name in self._names(folder) if self.fs.isdir(self.path(folder, name)))

    def _names(self, folder: str) -> list[str]:
        self.fs.invalidate_cache()
        try:
            return [path.rstrip("/").rsplit("/", 1)[-1] for path in self.fs.ls(self.path(folder), detail=False)]
        except FileNotFoundError:
            return []

    def open(self, *parts: str, **options: Any) -> BinaryIO:
        """Opens a file for reading bytes."""
        return self.fs.open(self.path(*parts), "rb", **options)

    def read_range(self, path: str, start: int, end: int) -> bytes:
        """Returns the bytes [start, end) of a file by one request; fewer where the file ends before."""
        return self.fs.cat_file(self.path(path), start=start, end=end)

    def sha256(self, path: str) -> tuple[int, str]:
        """Returns (bytes, sha256 as hex) of a file as it reads back now."""
        digest, size = hashlib.sha256(), 0
        with self.open(path) as file:
            while block := file.read(1 << 20):
                digest.update(block)
                size += len(block)
        return size, digest.hexdigest()

    def read_json(self, *parts: str) -> Any:
        """Returns a JSON file's content, or None where there is no such file."""
        try:
            with self.open(*parts) as file:
                return json.load(file)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise RunFolderError(f"{self.path(*parts)} is not JSON ({error}); remove it and run again") from error

    def read_commit_mark(self, path: str) -> dict[str, Any] | None:
        """Returns a commit mark's content, or None where there is none, or it is damaged: what it marks is redone."""
        try:
            content = self.read_json(path)
        except RunFolderError as error:
            logging.warning("run folder: %s; what it marks does not count", error)
            return None
        return content if isinstance(content, dict) else None

    def write(self, path: str, content: bytes) -> None:
        """Writes a file whole: under a temporary name first, renamed when complete. An older one is replaced."""
        with self.writing(path) as file:
            file.write(content)

    def write_json(self, path: str, content: Any) -> None:
        """Writes a JSON file whole, keys in the order given."""
        self.write(path, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode())

    def writing(self, path: str) -> _Writing:
        """Returns a context manager that opens a file for writing and gives it its name only on success."""
        return _Writing(self, path)

    def check_writable(self) -> RunFolder:
        """Returns the folder if a file can be written, named and removed in it.

        Raises: RunFolderError: it cannot.
        """
        probe = ".babelsift-probe"
        try:
            self.write(probe, b"")
            self.remove(probe)
        except (OSError, ImportError, ValueError) as error:
            raise RunFolderError(f"--output {self.url}: cannot be written: {error}; choose another folder") from error
        return self

    @property
    def is_local(self) -> bool:
        """Whether the folder is on a file system that the operating system mounts."""
        return isinstance(self.fs, LocalFileSystem)

    def remove_leftovers(self, *folders: str) -> None:
        """Removes what writers that were killed left under temporary names; not while another run writes here.

        Args: folders: each with all that is in it; "" is the run folder itself without what is below.
        """
        for folder in folders:
            for path in self.files_under(folder) if folder else self._names(""):
                if path.rsplit("/", 1)[-1].startswith(_TEMPORARY):
                    self.remove(path)

    def remove(self, path: str) -> None:
        """Removes a file; one that is not there is fine."""
        with contextlib.suppress(FileNotFoundError):
            self.fs.rm_file(self.path(path))


_TEMPORARY = ".writing-"


class WholeFile(io.RawIOBase):
    """A file being written under a temporary name, which knows the size and digest of what was written to it."""

    def __init__(self, file: BinaryIO, final: str) -> None:
        super().__init__()
        self._file = file
        self._final = final
        self._digest = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        """It is there to be written."""
        return True

    def write(self, content: Any) -> int:
        """Writes all of some bytes.

        Raises: RunFolderError: the disk is full, or gone, or may not be written.
        """
        with memoryview(content) as view:
            try:
                self._file.write(view)
            except OSError as error:
                raise cannot_write(self._final, error) from error
            self._digest.update(view)
            self.size += view.nbytes
            return view.nbytes

    def tell(self) -> int:
        """Returns how much was written."""
        return self.size

    @property
    def sha256(self) -> str:
        """Hex digits over all that was written so far."""
        return self._digest.hexdigest()


def cannot_write(path: str, error: OSError) -> RunFolderError:
    """Returns the error that names a file that could not be written, why, and what to do about it."""
    return RunFolderError(f"cannot write {path}: {error}; free space or mend it, then run again: it goes on from there")


class _Writing:
    """Opens a temporary file beside its final name and renames it on success, so that no half file is ever seen."""

    def __init__(self, folder: RunFolder, path: str) -> None:
        self._fs = folder.fs
        self._is_local = folder.is_local
        self._final = folder.path(path)
        parent, name = posixpath.split(self._final)
        self._parent = parent
        self._temporary = posixpath.join(parent, f"{_TEMPORARY}{uuid.uuid4().hex}-{name}")

    def __enter__(self) -> WholeFile:
        try:
            self._fs.makedirs(self._parent, exist_ok=True)
            self._file = self._fs.open(self._temporary, "wb")
        except OSError as error:
            raise RunFolderError(f"cannot write {self._final}: {error}; choose another --output or mend it") from error
        return WholeFile(self._file, self._final)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is None and self._is_local:
                # Or a power cut could leave the name without the bytes.
                self._file.flush()
                os.fsync(self._file.fileno())
            self._file.close()
            if kind is None:
                self._fs.mv(self._temporary, self._final)
        except OSError as failure:
            if kind is None or not isinstance(error, RunFolderError):
                raise cannot_write(self._final, failure) from failure
        finally:
            # What cannot be removed now is a leftover for the next run: why it cannot has been said already.
            with contextlib.suppress(OSError):
                if self._fs.exists(self._temporary):
                    self._fs.rm_file(self._temporary)
