"""A store whose file system shows a file whole or not at all: one PUT writes it, a large one is sent in parts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from babelsift.pipelines.storage.remote_store import RemoteStore, as_os_errors
from babelsift.pipelines.storage.store import Check, whole_or_nothing
from babelsift.pipelines.storage.whole_file import WholeFile

_PUT_BYTES = 48 * 2**20  # larger files are sent in parts, for they would fill the memory


@dataclass(frozen=True)
class ObjectStore(RemoteStore):
    """A store whose file system shows a file whole or not at all.

    Attributes:
        put_bytes: larger files are sent in parts as they are written; None: none are.
    """

    put_bytes: int | None = field(default=_PUT_BYTES, kw_only=True)

    @property
    def settles_s(self) -> float:
        """See `Store.settles_s`."""
        return self.late_s

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

    def finish(self) -> Any:
        """Gives the object what was taken; returns the store's answer."""
        if self._parts is not None:
            return self._store.commit(self._parts.close, self._check, can_repeat=False)
        content = bytes(self._held)
        return self._store.commit(lambda: self._store.fs.pipe_file(self._path, content), self._check)

    def discard(self) -> None:
        """Parts that were sent are no file; closing them, as their destructor does, would make one of them."""
        if self._parts is not None:
            with contextlib.suppress(Exception):
                self._parts.discard()
            self._parts.closed = True
