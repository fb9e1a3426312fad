"""The clock by which it is told how long ago a writer was allowed to commit."""

from __future__ import annotations

import time


def seconds_of_this_machine() -> float:
    """Returns seconds since any moment, on a clock that goes on while the machine sleeps, where there is one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
