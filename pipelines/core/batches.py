"""Record batches in Beam: their coder, and what every stage does with the rows that it keeps and leaves out.

Coder: Arrow IPC, so that a slice never drags its whole parent buffer through a shuffle as a pickled one does.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping

import apache_beam as beam
import pyarrow as pa
from apache_beam.coders import Coder
from apache_beam.coders import registry as coder_registry
from apache_beam.metrics import Metrics

from babelsift.schemas import Stage

REJECTED = "rejected"  # the tag of every stage's second output: rows of LEDGER_SCHEMA

_ZSTD = pa.Codec("zstd")
_SIZE = struct.Struct("<Q")  # before the compressed bytes: how many they were


class RecordBatchCoder(Coder):
    """Encodes a pyarrow.RecordBatch as a zstd-compressed Arrow IPC stream; deterministic for equal batches.

    The stream is compressed as a whole. Arrow's own compression takes each buffer on its own, and leaves the schema as
    it is: for a batch of a few rows, of which a shuffle to many partitions has the most, that is three times the bytes.
    """

    def encode(self, value: pa.RecordBatch) -> bytes:
        """Returns the batch as compressed IPC bytes."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, value.schema) as writer:
            writer.write_batch(value)
        stream = sink.getvalue()
        return _SIZE.pack(stream.size) + _ZSTD.compress(stream, asbytes=True)

    def decode(self, encoded: bytes) -> pa.RecordBatch:
        """Returns the batch that `encode` wrote."""
        (size,) = _SIZE.unpack_from(encoded)
        stream = _ZSTD.decompress(memoryview(encoded)[_SIZE.size :], size)
        with pa.ipc.open_stream(stream) as reader:
            return reader.read_next_batch()

    def is_deterministic(self) -> bool:
        """IPC bytes depend on nothing but the batch."""
        return True

    def to_type_hint(self) -> type:
        """The type this coder is for."""
        return pa.RecordBatch


coder_registry.register_coder(pa.RecordBatch, RecordBatchCoder)


class StageOutputs(dict):
    """The outputs of a stage of several steps, by tag; `kept` is the main one, as of a step with outputs."""

    @property
    def kept(self) -> beam.PCollection[pa.RecordBatch]:
        """The batches that are kept."""
        return self["kept"]


def kept_and_rejected(step: beam.ParDo, others: Mapping[str, type] | None = None) -> beam.PTransform:
    """Returns a stage's step with its outputs: `kept` and REJECTED, batches both, and others by tag.

    The types name the coder. Without them Beam pickles what it stores between two steps, which for a batch is four
    times the bytes and for a slice of one all that it was cut from.
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
    Metrics.counter(stage.value, "in_rows").inc(in_rows)
    for batch in kept:
        if len(batch):
            Metrics.counter(stage.value, "out_rows").inc(len(batch))
            yield batch
    for batch in rejected:
        if len(batch):
            for reason, rows in _tally(batch.column("reason")):
                Metrics.counter(stage.value, f"rejected_{reason}_rows").inc(rows)
            yield beam.pvalue.TaggedOutput(REJECTED, batch)


def concat(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Returns the rows of one or more batches of one schema as a single batch."""
    if len(batches) == 1:
        return batches[0]
    return pa.concat_batches(batches)


def _tally(column: pa.Array) -> list[tuple[str, int]]:
    return [(entry["values"], entry["counts"]) for entry in column.value_counts().to_pylist()]
