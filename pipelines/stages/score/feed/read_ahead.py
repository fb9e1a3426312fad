"""Reads ahead in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from queue import Full, Queue
from typing import Generic, TypeVar

_Item = TypeVar("_Item")
_LOOK_S = 0.1  # how often a reader that waits looks whether anybody still wants what it has


class ReadAhead(Iterator[_Item], Generic[_Item]):
    """Yields items in order, pulled by a thread from now on; an error of theirs is raised in its place.

    Args:
        items: pulled by one thread, never more than `ahead` + 1 of them beyond what was yielded.
        ahead: items that wait, >= 1.

    >>> list(ReadAhead(range(3), 2))
    [0, 1, 2]
    """

    def __init__(self, items: Iterable[_Item], ahead: int) -> None:
        self._waiting: Queue[list[_Item] | BaseException | None] = Queue(ahead)
        self._is_left = threading.Event()
        self._is_over = False
        arguments = (items, self._waiting, self._is_left)
        self._reader = threading.Thread(target=_read, args=arguments, name="read-ahead", daemon=True)
        self._reader.start()

    def __next__(self) -> _Item:
        if self._is_over:
            raise StopIteration
        item = self._waiting.get()
        if isinstance(item, list):
            return item[0]
        self.close()
        if item is not None:
            raise item
        raise StopIteration

    def close(self) -> None:
        """Ends the thread, as soon as it has the item that it is about to pull."""
        self._is_over = True
        self._is_left.set()
        if threading.current_thread() is not self._reader:
            self._reader.join()

    def __del__(self) -> None:
        self._is_left.set()


def _read(items: Iterable[_Item], waiting: Queue[list[_Item] | BaseException | None], is_left: threading.Event) -> None:
    try:
        for item in items:
            if not _put([item], waiting, is_left):
                return
        _put(None, waiting, is_left)
    except BaseException as error:  # noqa: BLE001 it is raised where the item was to come
        _put(error, waiting, is_left)


def _put(
    item: list[_Item] | BaseException | None,
    waiting: Queue[list[_Item] | BaseException | None],
    is_left: threading.Event,
) -> bool:
    """Puts an item where it is waited for; returns whether anybody does."""
    while not is_left.is_set():
        try:
            waiting.put(item, timeout=_LOOK_S)
        except Full:
            continue
        return True
    return False
