"""Child processes that the operating system ends with their parent, however the parent ends: by SIGKILL, too.

Linux sends the signal itself (PR_SET_PDEATHSIG), when the *thread* ends that started the child: hence one thread that
starts them all and lasts as long as its process. Elsewhere a thread of the child looks for its parent.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any

_PR_SET_PDEATHSIG = 1
_LOOK_S = 0.2


def end_with_parent(parent: int) -> None:
    """Has the system end this process as soon as its parent does; ends it now where the parent is gone already.

    Args:
        parent: process id of the parent, which started this process by `start_child`, or in a thread that lasts as long
            as this process is wanted.
    """
    if _signalled_at_parents_death():
        if os.getppid() != parent:
            os._exit(1)
    else:
        end_soon_after_parent(parent)


def end_soon_after_parent(parent: int) -> None:
    """Ends this process within a moment of its parent's end, whichever of the parent's threads started it.

    A pool of `multiprocessing` starts workers by a thread that ends before they do.

    Args:
        parent: process id of the parent.
    """
    threading.Thread(target=_look_for, args=[parent], name="parent", daemon=True).start()


def start_child(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Starts a process as `subprocess.Popen` does, in a thread that lasts as long as this process.

    Args:
        command: program and arguments.
        options: keyword arguments of `subprocess.Popen`.

    Returns:
        The running process.
    Raises:
        OSError: it cannot be started.
    """
    return _starter.call(lambda: subprocess.Popen(command, **options))


def _signalled_at_parents_death() -> bool:
    """Asks Linux for SIGKILL at the death of the thread that started this process; returns whether it will come."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        return ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0
    except (OSError, AttributeError):  # a C library that hides it
        return False


def _look_for(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(1)


class _Starter:
    """A thread that makes calls for others, started when first asked for, anew in a fork, which has no threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: SimpleQueue[tuple[Callable[[], Any], Future[Any]]] | None = None

    def call(self, function: Callable[[], Any]) -> Any:
        """Returns what a function returns, or raises what it raises, called in the lasting thread."""
        with self._lock:
            if self._calls is None:
                self._calls = SimpleQueue()
                threading.Thread(target=_make_calls, args=[self._calls], name="start-children", daemon=True).start()
        result: Future[Any] = Future()
        self._calls.put((function, result))
        return result.result()


def _make_calls(calls: SimpleQueue[tuple[Callable[[], Any], Future[Any]]]) -> None:
    while True:
        function, result = calls.get()
        try:
            result.set_result(function())
        except BaseException as error:  # noqa: BLE001 it is raised where the call was asked for
            result.set_exception(error)


def _start_anew() -> None:
    global _starter
    _starter = _Starter()


_starter = _Starter()
os.register_at_fork(after_in_child=_start_anew)
