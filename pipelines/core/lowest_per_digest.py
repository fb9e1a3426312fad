"""Exact deduplication in Beam: which digests several rows share, and which row of each survives.

What crosses the shuffle is a claim a row (digest, uid, row key: 24 to 48 bytes); claims are merged before they are
grouped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.dedup import claims, first_of_each, pack_claims, repeated, unpack_claims
from babelsift.filters.uids import row_keys, uid_bytes
from babelsift.pipelines.core.bundle_buffer import BundleBuffer
from babelsift.pipelines.core.combine_packed import MergePacked
from babelsift.pipelines.core.transform import Transform

Digest = Callable[[pa.RecordBatch], np.ndarray]


@dataclass
class FirstOfEach(Transform):
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

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[bytes]:
        """Claims, merges in the bundle, then merges a partition."""
        return (
            batches
            | "Claim" >> MakeClaims(self.digest, self.partitions, self.ranks)
            | "Merge" >> beam.CombinePerKey(MergeClaims(ranked=self.ranks is not None))
            | "DropPartition" >> beam.Values()
        )


@dataclass
class MakeClaims(Transform):
    """Makes the claims of rows: (partition, packed CLAIM array), those of one bundle merged already."""

    digest: Digest
    partitions: int
    ranks: Digest | None = None

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[tuple[int, bytes]]:
        """One step, fused with what makes the rows."""
        return batches | beam.ParDo(_Claim(self.digest, self.partitions, self.ranks)).with_output_types(
            tuple[int, bytes]
        )


def split_claims(merged: np.ndarray, partitions: int) -> Iterator[tuple[int, bytes]]:
    """Yields (partition, its claims packed) of merged claims, by the first bytes of their digests."""
    for partition, rows in split_sorted(merged["digest"], partitions):
        yield partition, pack_claims(merged[rows])


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
    """Returns packed claims, each part merged in itself, in one merged and sorted array, as `losers_to` takes it."""
    parts = [unpack_claims(part) for part in packed]
    return parts[0] if len(parts) == 1 else first_of_each(parts, ranked=ranked)


def only_repeated(packed: bytes) -> bytes:
    """Returns those claims of a packed array that more than one row made."""
    return pack_claims(repeated(unpack_claims(packed)))


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
        return claims(self._digest(element), uid_bytes(element.column("uid")), row_keys)

    def by_partition(self, parts: Sequence[np.ndarray]) -> Iterator[tuple[int, bytes]]:
        yield from split_claims(first_of_each(list(parts), ranked=self._ranks is not None), self._partitions)


class MergeClaims(MergePacked):
    """Merges packed claims; ranked: the lowest row_key survives before the lowest uid."""

    def __init__(self, *, ranked: bool = False) -> None:
        self._ranked = ranked

    def merge(self, parts: list[bytes]) -> bytes:
        """Returns one claim a digest, packed and sorted."""
        return pack_claims(unpack(parts, ranked=self._ranked))
