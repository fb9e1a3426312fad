"""What a stage gives back: the rows that it keeps, the rows that it rejects as ledger rows, and their counters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import apache_beam as beam
import pyarrow as pa

import babelsift.pipelines.core.batches  # noqa: F401 (registers the coder that the types below name)
from babelsift.pipelines.core.counters import count
from babelsift.schemas import Stage

REJECTED = "rejected"  # the tag of every stage's second output: rows of LEDGER_SCHEMA


class StageOutputs(dict):
    """The outputs of a stage of several steps, by tag; `kept` is the main one, as of a step with outputs."""

    @property
    def kept(self) -> beam.PCollection[pa.RecordBatch]:
        """The batches that are kept."""
        return self["kept"]


def kept_and_rejected(step: beam.ParDo, others: Mapping[str, type] | None = None) -> beam.PTransform:
    """Returns a stage's step with its outputs: `kept` and REJECTED, batches both, and others by tag.

    The types name the coder. Without them Beam pickles what it stores between two steps, which for a batch is four
    times the bytes and for a slice of a batch all that it was cut from.
    """
    others = dict(others or {})
    typed = step.with_output_types(pa.RecordBatch, **{REJECTED: pa.RecordBatch}, **others)
    return typed.with_outputs(REJECTED, *others, main="kept")


def emit(
    stage: Stage, in_rows: int, kept: Iterable[pa.RecordBatch], rejected: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch | beam.pvalue.TaggedOutput]:
    """Yields a stage's outputs for one element and counts them: kept batches, and ledger batches tagged REJECTED.

    Counters, namespace = stage: `in_rows`, `out_rows`, `rejected_<reason>_rows`. Empty batches are not emitted.
    """
    count(stage, "in_rows", in_rows)
    for batch in kept:
        if len(batch):
            count(stage, "out_rows", len(batch))
            yield batch
    for batch in rejected:
        if len(batch):
            for counted in batch.column("reason").value_counts().to_pylist():
                count(stage, f"rejected_{counted['values']}_rows", counted["counts"])
            yield beam.pvalue.TaggedOutput(REJECTED, batch)


def emit_step(
    stage: Stage, kept: pa.RecordBatch, rejected: Sequence[pa.RecordBatch], *, is_last: bool
) -> Iterator[pa.RecordBatch | beam.pvalue.TaggedOutput]:
    """Yields the outputs of one of a stage's steps, so that over all of them each row is counted once.

    Args:
        stage: whose counters count the rows.
        kept: what goes on to the next step, which counts it; of the last step what the stage keeps.
        rejected: ledger rows.
        is_last: whether it is the last step.
    """
    if not is_last and len(kept):
        yield kept
    counted = [kept] if is_last else []
    yield from emit(stage, sum(map(len, [*counted, *rejected])), counted, rejected)


class PassAll(beam.DoFn):
    """Keeps every batch as it is: the step of a stage that the settings switch off.

    Args:
        stage: whose counters count the rows.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def process(self, element: pa.RecordBatch) -> Iterator[pa.RecordBatch | beam.pvalue.TaggedOutput]:
        """Emits the batch as kept."""
        yield from emit(self._stage, len(element), [element], [])
