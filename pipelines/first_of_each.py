"""Exact deduplication in Beam: which digests several rows share, and which row of each survives.

What crosses the shuffle is a claim a row (digest, uid, row key: 48 bytes); claims are merged before they are grouped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from filters.dedup import CLAIM, claims, first_of_each
from filters.identity import row_keys, uid_bytes

Digest = Callable[[pa.RecordBatch], np.ndarray]

_MERGED_AT = 262_144


@dataclass
class FirstOfEach(beam.PTransform):
    """Finds, for each digest, the row that survives and how many rows there are.

    Input: RecordBatches with uid, source_file and source_row. Output: packed CLAIM arrays (bytes), sorted by digest,
    one a partition.

    Attributes: digest: RecordBatch -> S16[n] or V16[n]; importable, so that it pickles. partitions: how many parts to
        merge in.
    """

    digest: Digest
    partitions: int

    def __post_init__(self) -> None:
        super().__init__()

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[bytes]:
        """Claims, merges in the bundle, then merges a partition."""
        return (
            batches
            | "Claim" >> beam.ParDo(_Claim(self.digest, self.partitions)).with_output_types(tuple[int, bytes])
            | "Merge" >> beam.CombinePerKey(_MergeClaims())
            | "DropPartition" >> beam.Values()
        )


def unpack(packed: Iterable[bytes]) -> np.ndarray:
    """Returns the claims of all partitions in one sorted array, as `losers_to` takes it."""
    return first_of_each([np.frombuffer(part, dtype=CLAIM) for part in packed])


def batch_row_keys(batch: pa.RecordBatch) -> np.ndarray:
    """Returns uint64[n], telling apart rows of one uid by where they were read."""
    return row_keys(batch.column("source_file"), batch.column("source_row"))


class _Claim(beam.DoFn):
    def __init__(self, digest: Digest, partitions: int) -> None:
        self._digest = digest
        self._partitions = partitions

    def start_bundle(self) -> None:
        self._parts: list[np.ndarray] = []
        self._rows = 0

    def process(self, element: pa.RecordBatch) -> Iterator[tuple[int, bytes]]:
        self._parts.append(claims(self._digest(element), uid_bytes(element.column("uid")), batch_row_keys(element)))
        self._rows += len(element)
        if self._rows >= _MERGED_AT:
            yield from self._flush()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        window = GlobalWindow()
        for element in self._flush():
            yield WindowedValue(element, window.max_timestamp(), [window])

    def _flush(self) -> Iterator[tuple[int, bytes]]:
        merged = first_of_each(self._parts)
        first_bytes = np.ascontiguousarray(merged["digest"]).view("<u4").reshape(-1, 4)[:, 0]
        partitions = first_bytes % np.uint32(self._partitions)
        for partition in np.unique(partitions):
            yield int(partition), merged[partitions == partition].tobytes()
        self.start_bundle()


class _MergeClaims(beam.CombineFn):
    """Keeps unmerged parts in a list and merges them when they have grown, so that adding stays linear."""

    def create_accumulator(self) -> list[bytes]:
        return []

    def add_input(self, accumulator: list[bytes], element: bytes) -> list[bytes]:
        accumulator.append(element)
        return self.compact(accumulator) if len(accumulator) > 16 else accumulator

    def merge_accumulators(self, accumulators: Iterable[list[bytes]]) -> list[bytes]:
        return self.compact([part for accumulator in accumulators for part in accumulator])

    def compact(self, accumulator: list[bytes]) -> list[bytes]:
        return [unpack(accumulator).tobytes()]

    def extract_output(self, accumulator: list[bytes]) -> bytes:
        return unpack(accumulator).tobytes()
