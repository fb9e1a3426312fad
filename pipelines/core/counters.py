"""Beam's counters, and beside them the tally by which a run is watched."""

from __future__ import annotations

from apache_beam.metrics import Metrics

from babelsift.pipelines.core.tally import current_tally
from babelsift.schemas import Stage


def count(stage: Stage, name: str, more: int) -> None:
    """Adds to a counter of a stage; a negative number takes away.

    Args:
        stage: the counter's namespace.
        name: of the counter.
        more: how much.
    """
    Metrics.counter(stage.value, name).inc(more)
    current_tally().add(stage.value, **{name: more})
