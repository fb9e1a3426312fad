"""How many cores this process may use."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Returns the cores this process may use, which in a container or under a scheduler are fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
