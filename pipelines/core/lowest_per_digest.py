"""Exact deduplication in Beam: which digests several rows share, and which row of each survives.

A digest record a row (digest, uid, row key: 24 to 48 bytes) crosses the shuffle; records are merged before they are
grouped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.dedup import (
    digest_records,
    duplicated,
    lowest_per_digest,
    pack_digest_records,
    unpack_digest_records,
)
from babelsift.filters.uids import row_keys, uid_bytes
from babelsift.pipelines.core.bundle_buffer import BundleBuffer
from babelsift.pipelines.core.combine_packed import MergePacked
from babelsift.pipelines.core.transform import Transform

Digest = Callable[[pa.RecordBatch], np.ndarray]


@dataclass
class FirstOfEach(Transform):
    """Finds, for each digest, the row that survives and how many rows there are.

    Input: RecordBatches with uid, source_file and source_row. Output: packed DIGEST_RECORD arrays (bytes), sorted by
    digest, one a partition.

    Attributes: digest: RecordBatch -> S16[n] or V16[n]; importable, so that it pickles. partitions: how many parts to
        merge in. ranks: RecordBatch -> uint64[n]: the lowest rank survives, of equals the lowest uid, and a record's
        row_key is its rank; None: the lowest uid does, and row_key tells where its row was read.
    """

    digest: Digest
    partitions: int
    ranks: Digest | None = None

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[bytes]:
        """Makes digest records, merges them in the bundle, then merges a partition."""
        return (
            batches
            | "MakeRecords" >> MakeDigestRecords(self.digest, self.partitions, self.ranks)
            | "Merge" >> beam.CombinePerKey(MergeDigestRecords(ranked=self.ranks is not None))
            | "DropPartition" >> beam.Values()
        )


@dataclass
class MakeDigestRecords(Transform):
    """Makes the digest records of rows: (partition, packed DIGEST_RECORD array), those of one bundle merged already."""

    digest: Digest
    partitions: int
    ranks: Digest | None = None

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[tuple[int, bytes]]:
        """One step, fused with what makes the rows."""
        return batches | beam.ParDo(_Claim(self.digest, self.partitions, self.ranks)).with_output_types(
            tuple[int, bytes]
        )


def split_digest_records(merged: np.ndarray, partitions: int) -> Iterator[tuple[int, bytes]]:
    """Yields (partition, its digest records packed) of merged digest records, by the first bytes of their digests."""
    for partition, rows in split_sorted(merged["digest"], partitions):
        yield partition, pack_digest_records(merged[rows])


def split_sorted(digests: np.ndarray, partitions: int) -> Iterator[tuple[int, slice]]:
    """Yields (partition, its rows) of sorted digests: a partition has a range of them, so that its rows lie together.

    Args: digests: V16[n], sorted as bytes.
    """
    first_bytes = np.ascontiguousarray(digests).view(">u4").reshape(-1, 4)[:, 0].astype(np.uint64)
    partition_of = first_bytes * np.uint64(partitions) >> np.uint64(32)
    bounds = np.searchsorted(partition_of, np.arange(partitions + 1, dtype=np.uint64))
    for partition in np.flatnonzero(np.diff(bounds)):
        yield int(partition), slice(bounds[partition], bounds[partition + 1])


def unpack(packed: Iterable[bytes], *, ranked: bool = False) -> np.ndarray:
    """Returns packed digest records, each merged in itself, as one merged and sorted array: see `duplicate_of`."""
    parts = [unpack_digest_records(part) for part in packed]
    return parts[0] if len(parts) == 1 else lowest_per_digest(parts, ranked=ranked)


def only_repeated(packed: bytes) -> bytes:
    """Returns those digest records of a packed array that more than one row made."""
    return pack_digest_records(duplicated(unpack_digest_records(packed)))


def batch_row_keys(batch: pa.RecordBatch) -> np.ndarray:
    """Returns uint64[n], telling apart rows of one uid by where they were read."""
    return row_keys(batch.column("source_file"), batch.column("source_row"))


class _Claim(BundleBuffer):
    def __init__(self, digest: Digest, partitions: int, ranks: Digest | None) -> None:
        self._digest = digest
        self._partitions = partitions
        self._ranks = ranks

    def part_of(self, element: pa.RecordBatch, side_input: Any) -> np.ndarray:
        row_keys = (self._ranks or batch_row_keys)(element)
        return digest_records(self._digest(element), uid_bytes(element.column("uid")), row_keys)

    def by_partition(self, parts: Sequence[np.ndarray]) -> Iterator[tuple[int, bytes]]:
        yield from split_digest_records(
            lowest_per_digest(list(parts), ranked=self._ranks is not None), self._partitions
        )


class MergeDigestRecords(MergePacked):
    """Merges packed digest records; ranked: the lowest row_key survives before the lowest uid."""

    def __init__(self, *, ranked: bool = False) -> None:
        self._ranked = ranked

    def merge(self, parts: list[bytes]) -> bytes:
        """Returns one record a digest, packed and sorted."""
        return pack_digest_records(unpack(parts, ranked=self._ranked))
