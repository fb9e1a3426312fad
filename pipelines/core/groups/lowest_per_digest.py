"""Exact deduplication in Beam: which digests several rows share, and which row of each is kept.

1. Record. Each row becomes a digest record: its digest, its uid, its row key (24 to 48 bytes packed).
2. Merge in the bundle. Of the records of one digest the lowest stays, with the number of rows that it stands for.
3. Partition. A partition has a range of digests; a digest's records meet there, however many workers made them.
4. Merge a partition. Records merge associatively, so a digest that half of all rows share is one record a bundle.

        rows    A1 B1 A2 | A3 C1 B2        record and merge in the bundle
                   |           |
        bundles A1x2 B1x1   A3x1 B2x1 C1x1
                    \\         /            merge a partition
        output   A1x3 B1x2 C1x1           of digest A three rows, of which A1 is kept
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.dedup import (
    KeptRows,
    digest_records,
    duplicated,
    lowest_per_digest,
    pack_digest_records,
    unpack_digest_records,
)
from babelsift.filters.uids import row_keys, uid_bytes
from babelsift.pipelines.core.bundle_buffer import BundleBuffer
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.shuffled_pieces import MAX_SHUFFLED_BYTES
from babelsift.pipelines.core.transform import Transform

Digest = Callable[[pa.RecordBatch], np.ndarray]


@dataclass
class LowestPerDigest(Transform):
    """Finds, for each digest, the lowest row and how many rows there are.

    Input: RecordBatches with uid, source_file and source_row. Output: packed DIGEST_RECORD arrays (bytes), sorted by
    digest, one a partition.

    Attributes:
        digest: RecordBatch -> S16[n] or V16[n]; importable, so that it pickles.
        partitions: ranges of digests; results do not depend on how many.
        ranks: RecordBatch -> uint64[n]: the row of the lowest rank is the lowest, of equal ranks the lowest uid, and a
            record's row_key is the rank. None: the lowest uid, and row_key tells where the row was read.
    """

    digest: Digest
    partitions: int
    ranks: Digest | None = None

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[bytes]:
        """Records, merges in the bundle, then merges a partition."""
        made = batches | "Record" >> MakeDigestRecords(self.digest, self.partitions, self.ranks)
        return made | "Merge" >> MergeDigestRecords(ranked=self.ranks is not None)


@dataclass
class MakeDigestRecords(Transform):
    """Makes the digest records of rows: (partition, packed DIGEST_RECORD array), those of one bundle merged already."""

    digest: Digest
    partitions: int
    ranks: Digest | None = None

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[tuple[int, bytes]]:
        """One step, fused with what makes the rows."""
        record = beam.ParDo(_Record(self.digest, self.partitions, self.ranks))
        return batches | record.with_output_types(tuple[int, Packed])


def split_digest_records(merged: np.ndarray, partitions: int) -> Iterator[tuple[int, bytes]]:
    """Yields (partition, its records packed) of merged records."""
    for partition, rows in split_sorted(merged["digest"], partitions):
        yield partition, pack_digest_records(merged[rows])


def split_sorted(digests: np.ndarray, partitions: int, *, row_bytes: int = 64) -> Iterator[tuple[int, slice]]:
    """Yields (partition, its rows) of sorted digests: a partition has a range of them, so that its rows lie together.

    A partition of many rows comes in several slices, each of which crosses a shuffle; see `shuffled_pieces`.

    Args:
        digests: V16[n], sorted as bytes.
        partitions: into how many equal ranges of the first four bytes.
        row_bytes: what a row has at most of what is sent.
    """
    first_bytes = np.ascontiguousarray(digests).view(">u4").reshape(-1, 4)[:, 0].astype(np.uint64)
    partition_of = first_bytes * np.uint64(partitions) >> np.uint64(32)
    bounds = np.searchsorted(partition_of, np.arange(partitions + 1, dtype=np.uint64)).tolist()
    rows = max(1, MAX_SHUFFLED_BYTES // row_bytes)
    yield from slices_in_turn(bounds, rows)


def slices_in_turn(bounds: Sequence[int], rows: int) -> Iterator[tuple[int, slice]]:
    """Yields (partition, at most so many of its rows): the first of each partition, then the second of each.

    In turn, as Flink first gathers what it has in memory of a partition to one record, which has to fit there, too.

    Args:
        bounds: where the rows of each partition begin, and where all end.
        rows: of a slice, >= 1.

    >>> [(partition, rows.start, rows.stop) for partition, rows in slices_in_turn([0, 3, 3, 5], 2)]
    [(0, 0, 2), (2, 3, 5), (0, 2, 3)]
    """
    left = [(partition, *ends) for partition, ends in enumerate(pairwise(bounds)) if ends[0] < ends[1]]
    while left:
        for partition, start, end in left:
            yield partition, slice(start, min(start + rows, end))
        left = [(partition, start + rows, end) for partition, start, end in left if start + rows < end]


def merge_packed_records(packed: Iterable[bytes], *, ranked: bool = False) -> np.ndarray:
    """Returns packed digest records as one merged and sorted array, as `KeptRows` takes it.

    Args:
        packed: DIGEST_RECORD arrays, each merged in itself.
        ranked: the lowest row_key is kept before the lowest uid.
    """
    chunks = [unpack_digest_records(chunk) for chunk in packed]
    return chunks[0] if len(chunks) == 1 else lowest_per_digest(chunks, ranked=ranked)


def kept_rows(packed: Iterable[bytes]) -> KeptRows:
    """Returns packed digest records, each array of other digests than the others, as what rows are asked of."""
    return KeptRows(merge_packed_records(packed))


def only_duplicated(packed: bytes) -> bytes:
    """Returns those digest records of a packed, merged array that more than one row has."""
    return pack_digest_records(duplicated(unpack_digest_records(packed)))


def batch_row_keys(batch: pa.RecordBatch) -> np.ndarray:
    """Returns uint64[n], telling apart rows of one uid by where they were read."""
    return row_keys(batch.column("source_file"), batch.column("source_row"))


class _Record(BundleBuffer):
    def __init__(self, digest: Digest, partitions: int, ranks: Digest | None) -> None:
        super().__init__()
        self._digest = digest
        self._partitions = partitions
        self._ranks = ranks

    def chunk_of(self, element: pa.RecordBatch, side_input: Any) -> np.ndarray:
        row_keys = (self._ranks or batch_row_keys)(element)
        return digest_records(self._digest(element), uid_bytes(element.column("uid")), row_keys)

    def by_partition(self, chunks: Sequence[np.ndarray]) -> Iterator[tuple[int, bytes]]:
        merged = lowest_per_digest(chunks, ranked=self._ranks is not None)
        yield from split_digest_records(merged, self._partitions)


@dataclass
class MergeDigestRecords(Transform):
    """Merges packed digest records a partition: one packed array each, a record a digest, sorted.

    Attributes:
        ranked: the lowest row_key is kept before the lowest uid.
    """

    ranked: bool = False

    def expand(self, made: beam.PCollection[tuple[int, bytes]]) -> beam.PCollection[bytes]:
        """Groups a partition's records, which bundles have merged already, and merges them."""
        merge = beam.MapTuple(_merge_partition, ranked=self.ranked).with_output_types(Packed)
        return made | "Group" >> beam.GroupByKey() | "MergePartition" >> merge


def _merge_partition(_: int, packed: Iterable[bytes], ranked: bool = False) -> bytes:
    return pack_digest_records(merge_packed_records(packed, ranked=ranked))
