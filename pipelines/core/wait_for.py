"""Holding a step back until something else is known."""

from __future__ import annotations

import apache_beam as beam


def wait_for(signal: beam.PCollection | None) -> tuple[beam.pvalue.AsIter, ...]:
    """Returns side inputs with which a step starts only once a collection is complete.

    Args:
        signal: a few small elements; None: the step need not wait.
    """
    return () if signal is None else (beam.pvalue.AsIter(signal),)
