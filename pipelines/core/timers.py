"""Counters of how long the work of a stage takes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from apache_beam.metrics import Metrics

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
    Metrics.counter(stage.value, f"{verb}_msec").inc(round(1000 * (clock() - started)))
