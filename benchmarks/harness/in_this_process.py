"""Pipelines on Beam's in-process runner: what comes out of one, and what the runner alone costs."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import pyarrow as pa

_REMEMBERED: list[Any] = []


def remember(value: Any) -> None:
    """Keeps what a pipeline of this process gives, for `remembered`."""
    _REMEMBERED.append(value)


def remembered() -> list[Any]:
    """Returns what was kept since the last call."""
    values = _REMEMBERED.copy()
    _REMEMBERED.clear()
    return values


def remember_rows(batches: beam.PCollection[pa.RecordBatch]) -> None:
    """Keeps how many rows there are in all."""
    counts = batches | "CountKept" >> beam.Map(len)
    _ = counts | "SumKept" >> beam.CombineGlobally(sum) | "Keep" >> beam.Map(remember)


def passed_on(batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
    """Returns the batches once all rows were seen: the runner holds them, as it does for a stage with a side input."""
    rows = batches | beam.Map(len) | beam.CombineGlobally(sum)
    return batches | "PassOn" >> beam.Map(_pass_on, beam.pvalue.AsSingleton(rows))


def _pass_on(batch: pa.RecordBatch, rows: int) -> pa.RecordBatch:
    return batch
