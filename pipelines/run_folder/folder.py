"""The run folder: where everything of a run lies, on any fsspec file system, and how files come to be in it whole.

shards/     the product            rejects/    the ledger
staging/    work paid for once     report/     for people
"""

from __future__ import annotations

import builtins
import errno
import hashlib
import json
import logging
import posixpath
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from fsspec import AbstractFileSystem

from babelsift.pipelines.run_folder.commit_marks import Kinds, wrong_key
from babelsift.pipelines.run_folder.fence import Fence, FencedStore
from babelsift.pipelines.storage.errors import is_passing
from babelsift.pipelines.storage.file_systems import open_file_system
from babelsift.pipelines.storage.open_store import open_store
from babelsift.pipelines.storage.store import Store, is_temporary
from babelsift.pipelines.storage.whole_file import WholeFile
from babelsift.schemas import RunFolderError, public_url
from babelsift.schemas.file_systems import file_system_error

_SHOWN_CHARACTERS = 60
_STEPS_AT_ONCE = 8
_Result = TypeVar("_Result")
_Names = list[str]  # within a class that has a method `list`


def json_bytes(content: Any) -> bytes:
    """Returns a JSON file's bytes, keys in the order given."""
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()


@dataclass(frozen=True)
class RunFolder:
    """A run folder by its URL; picklable, and cheap to make where it is needed.

    Paths given to its methods are relative to the folder, with `/` between parts.

    Attributes:
        fence: of the run that writes by this folder; None: of one that does so before it has begun, or only reads.
    """

    url: str
    storage_options: tuple[tuple[str, Any], ...] = ()
    fence: Fence | None = None

    @cached_property
    def store(self) -> Store:
        """The files of the folder."""
        fs, root = self._file_system()
        store = open_store(fs, root.rstrip("/") or root)
        return store if self.fence is None else FencedStore(store, self.fence)

    def __getstate__(self) -> dict[str, Any]:
        names = ("url", "storage_options", "fence")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    @property
    def fs(self) -> AbstractFileSystem:
        """The file system that the folder is on."""
        return self._file_system()[0]

    def _file_system(self) -> tuple[AbstractFileSystem, str]:
        try:
            return open_file_system(self.url, **dict(self.storage_options))
        except (ImportError, ValueError) as error:
            raise RunFolderError(file_system_error(self.url, error)) from error

    @property
    def is_local(self) -> bool:
        """Whether the folder is on a file system that the operating system mounts."""
        return self.store.is_local

    def path(self, *parts: str) -> str:
        """Returns the full path of a file in the folder, as its file system names it."""
        return self.store.path(*parts)

    def exists(self, *parts: str) -> bool:
        """Whether the file or folder is there."""
        return self.store.exists(posixpath.join(*parts))

    def list(self, folder: str, suffix: str = "") -> _Names:
        """Returns the sorted names of the files in a folder that end in `suffix`; none where there is no folder."""
        names = [entry.name for entry in self.store.list(folder)]
        return [name for name in names if name.endswith(suffix) and not is_temporary(name)]

    def files_under(self, folder: str) -> _Names:
        """Returns the paths, within the run folder, of all files in a folder and below; none where there is none."""
        return list(self.store.find(folder))

    def folders(self, folder: str) -> _Names:
        """Returns the sorted names of the folders in a folder; none where there is no folder."""
        return [entry.name for entry in self.store.list(folder) if entry.is_folder]

    def open(self, *parts: str) -> BinaryIO:
        """Opens a file for reading bytes."""
        return self.store.open(posixpath.join(*parts))

    def read(self, path: str) -> bytes:
        """Returns all of a file."""
        return self.store.read(path)

    def read_range(self, path: str, start: int, end: int) -> bytes:
        """Returns the bytes [start, end) of a file by one request; fewer where the file ends before."""
        return self.store.read_range(path, start, end)

    def size(self, path: str) -> int:
        """Returns how many bytes a file has."""
        return self.store.size(path)

    def sha256(self, path: str) -> tuple[int, str]:
        """Returns (bytes, sha256 as hex) of a file as it reads back now."""
        digest, size = hashlib.sha256(), 0
        with self.open(path) as file:
            while block := file.read(1 << 20):
                digest.update(block)
                size += len(block)
        return size, digest.hexdigest()

    def read_json(self, *parts: str, remedy: str = "remove it and run again") -> Any:
        """Returns a JSON file's content, or None where there is no such file.

        Args:
            remedy: what to do about a file that is no JSON.

        Raises:
            RunFolderError: it is none.
        """
        try:
            return json.loads(self.store.read(posixpath.join(*parts)))
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError) as error:
            raise RunFolderError(f"{self.path(*parts)} is not JSON ({error}); {remedy}") from error

    def read_commit_mark(self, path: str, kinds: Kinds | None = None) -> dict[str, Any] | None:
        """Returns a commit mark's content, or None where there is none, or it is damaged: what it marks is redone.

        Args:
            path: of the mark.
            kinds: key -> whether a value is right for it; for marks with a fingerprint, others are not of ours.
        """
        try:
            content = self.read_json(path, remedy="what it marks does not count")
        except RunFolderError as error:
            logging.warning("run folder: %s", error)
            return None
        if content is None:
            return None
        if not isinstance(content, dict):
            problem = f"holds {json.dumps(content)[:_SHOWN_CHARACTERS]}"
        elif "fingerprint" in content and (wrong := wrong_key(content, kinds or {})) is not None:
            problem = f"{wrong} cannot be {json.dumps(content[wrong])[:_SHOWN_CHARACTERS]}"
        else:
            return content
        logging.warning("run folder: %s is damaged: %s; what it marks does not count", self.path(path), problem)
        return None

    def write(self, path: str, content: bytes) -> None:
        """Writes a file whole, in the place of an older one."""
        self.store.put(path, content)

    def write_json(self, path: str, content: Any) -> None:
        """Writes a JSON file whole, keys in the order given."""
        self.write(path, json_bytes(content))

    def writing(self, path: str, *, read_back: bool = False) -> AbstractContextManager[WholeFile]:
        """Returns a context manager that opens a file for writing and gives it its name only on success.

        Args:
            read_back: see `Store.writing`.
        """
        return self.store.writing(path, read_back=read_back)

    def do_all(self, steps: Sequence[Callable[[], _Result]]) -> builtins.list[_Result]:
        """Returns what steps return that each wait for the store: on a disk they come in turn, elsewhere side by side.

        Raises:
            Exception: that of the first step, in their order, that failed; the others were done all the same, but on a
                disk.
        """
        if self.is_local or len(steps) < 2:
            return [step() for step in steps]
        with ThreadPoolExecutor(min(len(steps), _STEPS_AT_ONCE), thread_name_prefix="store") as pool:
            return [done.result() for done in [pool.submit(step) for step in steps]]

    def write_all(self, contents: Mapping[str, bytes]) -> None:
        """Writes files whole, each as `write` does, in any order.

        Args:
            contents: path -> content.
        """
        self.do_all([partial(self.write, path, content) for path, content in contents.items()])

    def check_writable(self) -> RunFolder:
        """Returns the folder if a file can be written, named and removed in it.

        Raises:
            RunFolderError: it cannot.
        """
        probe, what = ".babelsift-probe", "cannot be written"
        try:
            self.write(probe, b"")
            what = "files in it cannot be removed"
            self.remove(probe)
        except RunFolderError as error:  # it names the probe, and what the system said of it
            cause = error.__cause__
            if not isinstance(cause, OSError) or not cause.strerror:
                raise
            raise self._not_writable(f"{what}: {cause.strerror}", cause) from error
        except (OSError, ImportError, ValueError) as error:
            raise self._not_writable(f"{what}: {error}", error) from error
        return self

    def _not_writable(self, what: str, error: Exception) -> RunFolderError:
        url = public_url(self.url)
        if self.is_local and Path(self.path("")).is_file():
            return RunFolderError(f"--output {url}: is a file; name a folder")
        remedy = "choose another folder"
        if is_passing(error):
            remedy = "run the same command again once it answers"
        elif isinstance(error, PermissionError) and error.errno != errno.EROFS and not self.is_local:
            remedy = "check the permissions, or the credentials in the environment or a profile of its own"
        return RunFolderError(f"--output {url}: {what}; {remedy}")

    def remove(self, path: str) -> None:
        """Removes a file; one that is not there is fine."""
        self.store.delete(path)
