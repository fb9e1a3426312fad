"""The store of a run folder: the few operations through which everything in it is read, written and removed.

`local_store` is the one for disks, `remote_store` what those for everything else that fsspec reaches share.
"""

from __future__ import annotations

import abc
import contextlib
import posixpath
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from babelsift.pipelines.storage.whole_file import WholeFile, cannot_write


class Check(Protocol):
    """Looks whether a writer may still commit."""

    def __call__(self, since: float | None = None) -> float:
        """Returns when it looked, as `seconds_of_this_machine` has it.

        Args:
            since: a look of this time or later will do; None: it looks now.
        Raises:
            RunFolderError: the writer may commit no more.
        """


_TEMPORARY = ".writing-"
_TEMPORARY_NAME = re.compile(re.escape(_TEMPORARY) + "[0-9a-f]{32}-")  # nobody else's name looks like this


@dataclass(frozen=True)
class Entry:
    """A name directly in a folder.

    Attributes:
        size: bytes of a file; None of a folder.
    """

    name: str
    is_folder: bool
    size: int | None


class Store(abc.ABC):
    """Files below one root. Paths are relative to it, with `/` between parts; "" is the root itself.

    A file is seen whole or not at all, and a name that is put again never lacks a file. Faults of reading, listing and
    removing are OSErrors, whatever library they come from; those of writing are RunFolderErrors that name the file.

    Each commit takes a `check`, which raises where the writer may commit no more. It is called when all is ready, right
    before the one step that makes the commit visible; `run_folder.fence` says what a stall between the two can do.

    Attributes:
        root: full path of the root, as its file system names it.
        is_local: whether the operating system mounts it.
    """

    root: str
    is_local: bool

    @property
    def settles_s(self) -> float:
        """Seconds that a look at whether a writer may commit holds: a commit that comes later is looked at again."""
        return 0.0

    def path(self, *parts: str) -> str:
        """Returns the full path of a file, as its file system names it."""
        return posixpath.join(self.root, *parts)

    @abc.abstractmethod
    def writing(
        self, path: str, *, read_back: bool = False, check: Check | None = None
    ) -> AbstractContextManager[WholeFile]:
        """Returns a context manager that opens a file for writing and puts it under its name only on success.

        Args:
            read_back: read what the disk has of it before it gets its name. An object store checks what it is sent.
            check: see the class; None: this writer always may.
        Raises:
            RunFolderError: it cannot be written, or does not read back as it was written.
        """

    def put(self, path: str, content: bytes, *, read_back: bool = False) -> None:
        """Writes a file whole, in the place of an older one. Raises and `read_back` are those of `writing`."""
        with self.writing(path, read_back=read_back) as file:
            file.write(content)

    @abc.abstractmethod
    def put_if_absent(self, path: str, content: bytes, *, check: Check | None = None) -> bool:
        """Writes a file whole where there is none; returns whether the file that is there then has this content.

        So an answer that was lost does no harm, as long as no two writers want the same content.

        Raises:
            RunFolderError: it cannot be written.
        """

    def lets_one_create(self, path: str, content: bytes) -> bool:
        """Whether the store itself sees to it that `put_if_absent` lets one of several writers through.

        Args:
            path: of a file that is there: to create it once more is tried.
            content: what it has then, where the store lets that pass.
        """
        return False

    @abc.abstractmethod
    def read_range(self, path: str, start: int, end: int) -> bytes:
        """Returns the bytes [start, end) of a file by one request; fewer where the file ends before.

        Raises:
            FileNotFoundError: there is no such file.
        """

    @abc.abstractmethod
    def read(self, path: str) -> bytes:
        """Returns all of a file.

        Raises:
            FileNotFoundError: there is no such file.
        """

    @abc.abstractmethod
    def open(self, path: str) -> BinaryIO:
        """Opens a file for reading from anywhere in it.

        Raises:
            FileNotFoundError: there is no such file.
        """

    @abc.abstractmethod
    def size(self, path: str) -> int:
        """Returns how many bytes a file has.

        Raises:
            FileNotFoundError: there is no such file.
        """

    @abc.abstractmethod
    def exists(self, path: str) -> bool:
        """Returns whether there is such a file or folder."""

    @abc.abstractmethod
    def list(self, folder: str) -> list[Entry]:
        """Returns the names directly in a folder, sorted; none where there is no folder."""

    @abc.abstractmethod
    def find(self, folder: str) -> dict[str, int]:
        """Returns {path: bytes} of all files in a folder and below, sorted; none where there is no folder."""

    def versions(self, folder: str) -> dict[str, str] | None:
        """Returns {path: what tells this content of a file from others} of all files in a folder and below.

        None where listing a store does not tell it: sizes and times alone say little of a disk.
        """
        return None

    @abc.abstractmethod
    def delete(self, path: str, *, check: Check | None = None) -> None:
        """Removes a file; one that is not there is fine."""

    @abc.abstractmethod
    def sweep(self, folders: Iterable[str]) -> None:
        """Takes away what other writers have begun and not committed, so that they cannot commit it any more.

        Args:
            folders: where writers write, each with all that is below it; the root itself is swept without that.
        """


def temporary_path(path: str) -> str:
    """Returns a name beside a path that no other writer has, for a file that is not whole yet."""
    parent, name = posixpath.split(path)
    return posixpath.join(parent, f"{_TEMPORARY}{uuid.uuid4().hex}-{name}")


def is_temporary(path: str) -> bool:
    """Returns whether a path is a writer's that is at work, or was killed."""
    return _TEMPORARY_NAME.match(posixpath.basename(path)) is not None


@contextlib.contextmanager
def whole_or_nothing(
    file: WholeFile, *, finish: Callable[[], object], abandon: Callable[[], object]
) -> Iterator[WholeFile]:
    """Yields a file to write to; finishes it on success, abandons it when anything fails.

    Args:
        finish: gives the file its name.
        abandon: removes what was written; its own OSErrors do not matter: what it cannot remove is a leftover for the
            next run.

    Raises:
        RunFolderError: it could not be finished.
    """
    try:
        yield file
    except BaseException:
        with contextlib.suppress(OSError):
            abandon()
        raise
    try:
        finish()
    except BaseException as error:
        with contextlib.suppress(OSError):
            abandon()
        if isinstance(error, OSError):
            raise cannot_write(file.path, error) from error
        raise
