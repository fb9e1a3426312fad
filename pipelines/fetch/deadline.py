"""A bound on the time that some lines of a coroutine take, without the task that `asyncio.wait_for` makes for each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from types import TracebackType


class Deadline:
    """A context manager: `asyncio.TimeoutError` is raised where what is within has not ended in time.

    It does what `asyncio.timeout` does, which Python 3.10 has not.

    Args:
        seconds: none left, and the first wait within is the last.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._expired = False

    def __enter__(self) -> Deadline:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline is for use within a task")
        self._task = task
        # Where others have cancelled the task too, their cancellation goes on, not a timeout; 3.10 cannot tell.
        self._cancelled_before = task.cancelling() if hasattr(task, "cancelling") else 0
        self._start(self._seconds)
        return self

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stops the clock while a block runs, which may wait for as long as it likes."""
        self._timer.cancel()
        left_s = self._timer.when() - self._loop.time()
        try:
            yield
        finally:
            if not self._expired:
                self._start(left_s)

    def _start(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(max(0.0, seconds), self._expire)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if not self._expired:
            return
        still_cancelled = self._task.uncancel() if hasattr(self._task, "uncancel") else 0
        if kind is asyncio.CancelledError and still_cancelled <= self._cancelled_before:
            raise asyncio.TimeoutError from error

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()
