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
from pipelines.merge_packed import MergePacked

Digest = Callable[[pa.RecordBatch], np.ndarray]

_MERGED_AT = 262_144


@dataclass
class FirstOfEach(beam.PTransform):
    """Finds, for each digest, the row that survives and how many rows there are.

    Input: RecordBatches with uid, source_file and source_row. Output: packed CLAIM arrays (bytes), sorted by digest,
    one a partition.

    Attributes: digest: RecordBatch -> S16[n] or V16[n]; importable, so that it pickles. partitions: how many parts to
        merge in. ranks: RecordBatch -> uint64[n]: the lowest rank survives, of equal ones the lowest uid, and a claim's
        row_key is its rank; None: the lowest uid does, and row_key tells where its row was read.
    """

    digest: Digest
    partitions: int
    ranks: Digest | None = None

    def __post_init__(self) -> None:
        super().__init__()

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[bytes]:
        """Claims, merges in the bundle, then merges a partition."""
        return (
            batches
            | "Claim" >> MakeClaims(self.digest, self.partitions, self.ranks)
            | "Merge" >> beam.CombinePerKey(MergeClaims(ranked=self.ranks is not None))
            | "DropPartition" >> beam.Values()
        )


@dataclass
class MakeClaims(beam.PTransform):
    """Makes the claims of rows: (partition, packed CLAIM array), those of one bundle merged already."""

    digest: Digest
    partitions: int
    ranks: Digest | None = None

    def __post_init__(self) -> None:
        super().__init__()

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[tuple[int, bytes]]:
        """One step, fused with what makes the rows."""
        return batches | beam.ParDo(_Claim(self.digest, self.partitions, self.ranks)).with_output_types(
            tuple[int, bytes]
        )


def split_claims(merged: np.ndarray, partitions: int) -> Iterator[tuple[int, bytes]]:
    """Yields (partition, its claims packed) of merged claims, by the first bytes of their digests."""
    first_bytes = np.ascontiguousarray(merged["digest"]).view("<u4").reshape(-1, 4)[:, 0]
    partition_of = first_bytes % np.uint32(partitions)
    for partition in np.unique(partition_of):
        yield int(partition), merged[partition_of == partition].tobytes()


def unpack(packed: Iterable[bytes], *, ranked: bool = False) -> np.ndarray:
    """Returns packed claims, each part merged in itself, in one merged and sorted array, as `losers_to` takes it."""
    parts = [np.frombuffer(part, dtype=CLAIM) for part in packed]
    return parts[0] if len(parts) == 1 else first_of_each(parts, ranked=ranked)


def batch_row_keys(batch: pa.RecordBatch) -> np.ndarray:
    """Returns uint64[n], telling apart rows of one uid by where they were read."""
    return row_keys(batch.column("source_file"), batch.column("source_row"))


class _Claim(beam.DoFn):
    def __init__(self, digest: Digest, partitions: int, ranks: Digest | None) -> None:
        self._digest = digest
        self._partitions = partitions
        self._ranks = ranks

    def start_bundle(self) -> None:
        self._parts: list[np.ndarray] = []
        self._rows = 0

    def process(self, element: pa.RecordBatch) -> Iterator[tuple[int, bytes]]:
        row_keys = (self._ranks or batch_row_keys)(element)
        self._parts.append(claims(self._digest(element), uid_bytes(element.column("uid")), row_keys))
        self._rows += len(element)
        if self._rows >= _MERGED_AT:
            yield from self._flush()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        window = GlobalWindow()
        for element in self._flush():
            yield WindowedValue(element, window.max_timestamp(), [window])

    def _flush(self) -> Iterator[tuple[int, bytes]]:
        merged = first_of_each(self._parts, ranked=self._ranks is not None)
        yield from split_claims(merged, self._partitions)
        self.start_bundle()


class MergeClaims(MergePacked):
    """Merges packed claims; ranked: the lowest row_key survives before the lowest uid."""

    def __init__(self, *, ranked: bool = False) -> None:
        self._ranked = ranked

    def merge(self, parts: list[bytes]) -> bytes:
        """Returns one claim a digest, packed and sorted."""
        return unpack(parts, ranked=self._ranked).tobytes()
