"""Kills a process at each of its writes to a disk in turn, as a power cut or `kill -9` would: nothing is cleaned up."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

_KILLED, _FAILED = 137, 1


def kill_at(operation: int, work: Callable[[], object]) -> bool:
    """Does some work in a forked process that dies at its n-th change of the disk; returns whether it died of that.

    Changes are: bytes flushed, a name given, a file removed. The process dies before the change is made.

    Raises:
        AssertionError: the work itself failed.
    """
    child = os.fork()
    if child == 0:
        try:
            _count_down(operation)
            work()
            os._exit(0)
        finally:
            os._exit(_FAILED)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, _KILLED), f"the work failed with {status}"
    return status == _KILLED


def changes_of(work: Callable[[], object]) -> int:
    """Does some work in a forked process; returns how many changes of the disk it made, counted as `kill_at` does.

    Raises:
        AssertionError: the work itself failed.
    """
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            left = _count_down(sys.maxsize)
            work()
            os.write(sending, str(sys.maxsize - left[0]).encode())
            os._exit(0)
        finally:
            os._exit(_FAILED)
    os.close(sending)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == 0, f"the work failed with {status}"
    with os.fdopen(receiving) as counted:
        return int(counted.read())


def _count_down(operations: int) -> list[int]:
    """Has this process die at a change of the disk; returns a list of how many are left until then."""
    left = [operations]

    def counted(change: Callable[..., object]) -> Callable[..., object]:
        def change_or_die(*arguments: object, **options: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                os._exit(_KILLED)
            return change(*arguments, **options)

        return change_or_die

    for name in ("fsync", "replace", "unlink"):
        setattr(os, name, counted(getattr(os, name)))
    return left
