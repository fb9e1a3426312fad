"""The run folder: where everything of a run lies, on any fsspec file system, and how files come to be in it whole.

shards/     the product            rejects/    the ledger
staging/    work paid for once     report/     for people
"""

from __future__ import annotations

import contextlib
import json
import posixpath
import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO

import fsspec
from fsspec import AbstractFileSystem

from schemas import RunFolderError


@dataclass(frozen=True)
class RunFolder:
    """A run folder by its URL; picklable, and cheap to make where it is needed.

    Paths given to its methods are relative to the folder, with `/` between parts.
    """

    url: str
    storage_options: tuple[tuple[str, Any], ...] = ()

    @cached_property
    def _filesystem_and_root(self) -> tuple[AbstractFileSystem, str]:
        fs, root = fsspec.core.url_to_fs(self.url, **dict(self.storage_options))
        return fs, root.rstrip("/") or root

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.url, "storage_options": self.storage_options}

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
        names = (path.rsplit("/", 1)[-1] for path in self._paths(folder))
        return sorted(name for name in names if name.endswith(suffix) and not name.startswith(_TEMPORARY))

    def folders(self, folder: str) -> list[str]:
        """Returns the sorted names of the folders in a folder; none where there is no folder."""
        return sorted(path.rsplit("/", 1)[-1] for path in self._paths(folder) if self.fs.isdir(path))

    def _paths(self, folder: str) -> list[str]:
        self.fs.invalidate_cache()
        try:
            return [path.rstrip("/") for path in self.fs.ls(self.path(folder), detail=False)]
        except FileNotFoundError:
            return []

    def open(self, *parts: str, **options: Any) -> BinaryIO:
        """Opens a file for reading bytes."""
        return self.fs.open(self.path(*parts), "rb", **options)

    def read_json(self, *parts: str) -> Any:
        """Returns a JSON file's content, or None where there is no such file."""
        try:
            with self.open(*parts) as file:
                return json.load(file)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise RunFolderError(f"{self.path(*parts)} is not JSON ({error}); remove it and run again") from error

    def write(self, path: str, content: bytes) -> None:
        """Writes a file whole: under a temporary name first, renamed when complete. An older one is replaced."""
        with self.writing(path) as file:
            file.write(content)

    def write_json(self, path: str, content: Any) -> None:
        """Writes a JSON file whole, keys in the order given."""
        self.write(path, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode())

    def writing(self, path: str) -> _WholeFile:
        """Returns a context manager that opens a file for writing and gives it its name only on success."""
        return _WholeFile(self, path)

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

    def remove_leftovers(self, *folders: str) -> None:
        """Removes what writers that were killed left under temporary names; not while another run writes here."""
        for folder in folders:
            for path in self._paths(folder):
                if path.rsplit("/", 1)[-1].startswith(_TEMPORARY):
                    self.fs.rm_file(path)

    def remove(self, path: str) -> None:
        """Removes a file; one that is not there is fine."""
        with contextlib.suppress(FileNotFoundError):
            self.fs.rm_file(self.path(path))


_TEMPORARY = ".writing-"


class _WholeFile:
    """Opens a temporary file beside its final name and renames it on success, so that no half file is ever seen."""

    def __init__(self, folder: RunFolder, path: str) -> None:
        self._fs = folder.fs
        self._final = folder.path(path)
        parent, name = posixpath.split(self._final)
        self._parent = parent
        self._temporary = posixpath.join(parent, f"{_TEMPORARY}{uuid.uuid4().hex}-{name}")

    def __enter__(self) -> BinaryIO:
        try:
            self._fs.makedirs(self._parent, exist_ok=True)
            self._file = self._fs.open(self._temporary, "wb")
        except OSError as error:
            raise RunFolderError(f"cannot write {self._final}: {error}; choose another --output or mend it") from error
        return self._file

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            self._file.close()
            if kind is None:
                self._fs.mv(self._temporary, self._final)
        except OSError as failure:
            raise RunFolderError(
                f"cannot write {self._final}: {failure}; free space or mend it, then run again"
            ) from failure
        finally:
            if self._fs.exists(self._temporary):
                self._fs.rm_file(self._temporary)
