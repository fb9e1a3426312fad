"""Remembers how this process last saw an object store's objects: a guess spares a look before a conditional write.

A guess that is wrong costs requests, never more: the store compares each condition with what it has.
"""

from __future__ import annotations

import posixpath
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_MOST = 200_000  # about 60 MB


@dataclass(frozen=True)
class Seen:
    """An object as it was.

    Attributes:
        tag: of its content; None: there was no object.
        at: when, as `seconds_of_this_machine` has it; of an own write: when it was allowed.
    """

    tag: str | None
    at: float


@dataclass(frozen=True)
class _Listed:
    """When a folder was listed, and the names of the folders in it; None: they were not listed."""

    at: float
    folders: frozenset[str] | None


@dataclass
class SeenObjects:
    """The objects that were seen last, by their full paths; may be used by several threads.

    Attributes:
        most: as many are remembered.
    """

    most: int = _MOST
    _objects: OrderedDict[str, Seen] = field(default_factory=OrderedDict)
    _folders: dict[str, _Listed] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, path: str) -> Seen | None:
        """Returns an object as it was seen last; None where it never was."""
        with self._lock:
            if (seen := self._objects.get(path)) is not None:
                return seen
            folder, name = posixpath.split(path)
            if (listed := self._folders.get(folder)) is not None:
                return Seen(None, listed.at)
            while folder and name:
                folder, name = posixpath.split(folder)
                if (listed := self._folders.get(folder)) is not None:
                    is_known = listed.folders is not None and name not in listed.folders
                    return Seen(None, listed.at) if is_known else None
            return None

    def add(self, path: str, tag: str | None, at: float) -> None:
        """Remembers an object."""
        with self._lock:
            self._remember(path, Seen(tag, at))

    def add_listing(
        self, folder: str, tags: Mapping[str, str], at: float, *, folders: Iterable[str] | None = None
    ) -> None:
        """Remembers a folder's objects, and that it had no others directly in it.

        Args:
            tags: path -> tag.
            at: when the store was asked.
            folders: names of the folders in it; None: they were not listed.
        """
        with self._lock:
            if len(tags) <= self.most // 2:
                self._folders[folder] = _Listed(at, None if folders is None else frozenset(folders))
                for path, seen in list(self._objects.items()):
                    if posixpath.dirname(path) == folder and path not in tags and seen.at < at:
                        del self._objects[path]
            for path, tag in tags.items():
                self._remember(path, Seen(tag, at))

    def forget(self, root: str) -> None:
        """Forgets all objects below a root."""
        inside = root.rstrip("/") + "/"
        with self._lock:
            for known in (self._objects, self._folders):
                for path in [path for path in known if f"{path}/".startswith(inside)]:
                    del known[path]

    def _remember(self, path: str, seen: Seen) -> None:
        self._objects[path] = seen
        self._objects.move_to_end(path)
        if len(self._objects) > self.most:  # a folder of which not all is remembered is not known any more
            forgotten, _ = self._objects.popitem(last=False)
            self._folders.pop(posixpath.dirname(forgotten), None)


# By full path, which tells buckets apart. Two endpoints may have a bucket of one name: a wrong guess.
seen_objects = SeenObjects()
