"""Counters of how long the work of a stage takes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from babelsift.pipelines.core.counters import count
from babelsift.schemas import Stage


@contextlib.contextmanager
def inc_timer_msec(stage: Stage, verb: str, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Adds the milliseconds that its block takes to the stage's counter `<verb>_msec`; nothing where the block raises.

    Args:
        stage: the counter's namespace.
        verb: what the block does.
        clock: seconds.
    """
    started = clock()
    yield
    count(stage, f"{verb}_msec", round(1000 * (clock() - started)))
