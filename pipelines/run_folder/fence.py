"""Fencing: a run commits nothing any more once another run has begun in its folder, wherever its workers live.

Each run that begins writes its epoch, one more than the last, and a token of its own into the manifest. Whatever is
written or removed by a folder with a fence is preceded by a look at the manifest: hence also by workers of a cluster
whose driver died, and of a driver that stood still for so long that its lease was taken over.

The look and the commit are two steps, and a writer may stand still between them until a later run has begun. What that
can do depends on the store:

- On a disk (and where files are renamed: sftp, hdfs), nothing. A commit is one rename from or into a temporary name,
  which is there before the look (`local_store`). A run that begins writes its epoch first and then takes every
  temporary name away (`claim.claim_folder`). A writer whose look came before that epoch had its temporary name by then,
  so the sweep found it, and the rename fails. A writer that made its temporary name after the sweep looks after the
  epoch was written, and is refused. A rename between epoch and sweep is as one before both, for a run reads and writes
  nothing else until it has swept. (Removing a file there is a look and a removal: only disks move it first.)
- On an object store a look holds for two seconds: several commits share one that is younger than half of that, and a
  writer whose commit took longer looks again after it. A run that begins writes its epoch and waits for two seconds
  before it reads anything: what an earlier one committed without looking again is there by then.
- On S3 a file is one PUT, on condition that what the store has under the name is what was there before the look
  (`s3_store`). The condition does not hold once a later run has put anything else there. Where it has put nothing
  there yet, or the very bytes that were there before the look, the file does come late: its writer, who looks again,
  takes the file back, or, where there was one before, ends with an error that says so. The later run's own PUT goes
  over it in any case: a condition that does not hold makes a writer look at the epoch again, and try again while it
  may. Nothing in a request can tell bytes from the same bytes of another writer: a tag is of the content.
- On other object stores the file may come late; its writer notices, as on S3, and ends with an error.

Commit marks name the digests of their files, and a reader of ours takes none of a file that has another: a shard
whose files are of two runs is made again, never used.
"""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from babelsift.pipelines.run_folder.paths import MANIFEST
from babelsift.pipelines.storage.clock import seconds_of_this_machine
from babelsift.pipelines.storage.errors import storage_failures
from babelsift.pipelines.storage.store import Check, Entry, Store
from babelsift.pipelines.storage.whole_file import WholeFile
from babelsift.schemas import RunFolderError

# The manifest begins with both, so that one small request reads them however many input files it names.
_BEGINNING = re.compile(rb'\{\s*"epoch": (\d+),\s*"run": "(\w*)"')
_BEGINNING_BYTES = 256


@dataclass(frozen=True)
class Fence:
    """What tells a run from the others of its folder.

    Attributes:
        epoch: how many runs have begun in the folder, this one counted; 0: made before there were epochs.
        run: token of this run alone.
    """

    epoch: int
    run: str


def read_fence(store: Store) -> Fence | None:
    """Returns the fence of the run that began last in a folder; None where none has.

    Raises:
        RunFolderError: the manifest cannot be read, or is damaged.
    """
    path = store.path(MANIFEST)
    with storage_failures(RunFolderError, f"cannot read {path}"):
        try:
            beginning = _BEGINNING.match(store.read_range(MANIFEST, 0, _BEGINNING_BYTES))
            if beginning:
                return Fence(int(beginning[1]), beginning[2].decode())
            content = json.loads(store.read(MANIFEST))
            return Fence(int(content.get("epoch", 0)), str(content.get("run", "")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, AttributeError) as error:
            raise RunFolderError(f"{path} is damaged ({error}); run again when no other run works here") from error


@dataclass
class _LastLook:
    """When a store's writer was last allowed to commit; several commits at once, or soon after, share a look."""

    at: float = -math.inf
    looking: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class FencedStore(Store):
    """A store in which one run writes until another begins: reading goes through, each commit is checked before."""

    store: Store
    fence: Fence
    _last_look: _LastLook = field(default_factory=_LastLook, compare=False, repr=False)

    @property
    def settles_s(self) -> float:
        """See `Store`."""
        return self.store.settles_s

    @property
    def root(self) -> str:  # type: ignore[override]
        """See `Store`."""
        return self.store.root

    @property
    def is_local(self) -> bool:  # type: ignore[override]
        """See `Store`."""
        return self.store.is_local

    def check(self, since: float | None = None) -> float:
        """See `Check`: returns where this run may commit.

        Raises:
            RunFolderError: another run has begun since, or this one has lost its lock.
        """
        if (why_lost := _vigils.get(self.fence.run)) is not None:
            why_lost()
        with self._last_look.looking:
            if since is None or self._last_look.at < since:
                self._last_look.at = self._look()
            return self._last_look.at

    def _look(self) -> float:
        looked = seconds_of_this_machine()
        latest = read_fence(self.store)
        if latest not in (None, self.fence):
            assert latest is not None
            raise RunFolderError(
                f"{self.root}: a later run (epoch {latest.epoch}) works in this folder, so this one (epoch "
                f"{self.fence.epoch}) has stopped and commits nothing more; wait for the later one, then run again"
            )
        return looked

    def writing(
        self, path: str, *, read_back: bool = False, check: Check | None = None
    ) -> AbstractContextManager[WholeFile]:
        """See `Store.writing`.

        Raises:
            RunFolderError: this run may commit no more, too.
        """
        return self.store.writing(path, read_back=read_back, check=check or self.check)

    def put_if_absent(self, path: str, content: bytes, *, check: Check | None = None) -> bool:
        """See `Store.put_if_absent`."""
        return self.store.put_if_absent(path, content, check=check or self.check)

    def lets_one_create(self, path: str, content: bytes) -> bool:
        """See `Store.lets_one_create`."""
        return self.store.lets_one_create(path, content)

    def delete(self, path: str, *, check: Check | None = None) -> None:
        """See `Store.delete`."""
        self.store.delete(path, check=check or self.check)

    def sweep(self, folders: Iterable[str]) -> None:
        """See `Store.sweep`."""
        self.store.sweep(folders)

    def read_range(self, path: str, start: int, end: int) -> bytes:
        """See `Store.read_range`."""
        return self.store.read_range(path, start, end)

    def read(self, path: str) -> bytes:
        """See `Store.read`."""
        return self.store.read(path)

    def open(self, path: str) -> BinaryIO:
        """See `Store.open`."""
        return self.store.open(path)

    def size(self, path: str) -> int:
        """See `Store.size`."""
        return self.store.size(path)

    def exists(self, path: str) -> bool:
        """See `Store.exists`."""
        return self.store.exists(path)

    def list(self, folder: str) -> list[Entry]:
        """See `Store.list`."""
        return self.store.list(folder)

    def find(self, folder: str) -> dict[str, int]:
        """See `Store.find`."""
        return self.store.find(folder)

    def versions(self, folder: str) -> dict[str, str] | None:
        """See `Store.versions`."""
        return self.store.versions(folder)


# Runs whose lock this process holds: token -> raises RunFolderError once the lock is lost.
_vigils: dict[str, Callable[[], Any]] = {}


@contextmanager
def checked_by(run: str, check_lock: Callable[[], Any]) -> Iterator[None]:
    """Has every commit of a run in this process ask its lock, too.

    Args:
        run: the run's token.
        check_lock: raises RunFolderError where the lock is lost.
    """
    _vigils[run] = check_lock
    try:
        yield
    finally:
        del _vigils[run]
