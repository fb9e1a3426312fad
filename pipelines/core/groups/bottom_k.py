"""The lowest different members of each key in Beam, merged before they are grouped.

1. Pair. Each row becomes a membership: the digest of its key (a caption, say) and the digest of its member (its URL).
2. Merge in the bundle. Of a key's members only the `most` lowest different ones stay: they are enough to know that the
   key has at least so many.
3. Merge a partition. A partition has a range of keys; merging is associative, so that a key that a million rows share
   needs no more memory than a key of `most` members.

See `babelsift.filters.counting` for the merge itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.counting import MEMBERSHIP, lowest_members, memberships
from babelsift.pipelines.core.bundle_buffer import BundleBuffer
from babelsift.pipelines.core.groups.lowest_per_digest import Digest, split_sorted
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.transform import Transform


@dataclass
class LowestMembers(Transform):
    """Finds, for each key, its `most` lowest different members.

    Input: RecordBatches. Output: packed MEMBERSHIP arrays (bytes), sorted by key, then member, one a partition.

    Attributes:
        key: RecordBatch -> S16[n] or V16[n], what members are counted for.
        member: RecordBatch -> S16[n] or V16[n], what is counted.
        most: how many members a key keeps.
        partitions: ranges of keys; results do not depend on how many.
    """

    key: Digest
    member: Digest
    most: int
    partitions: int

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[bytes]:
        """Merges in the bundle, then a partition."""
        pack = beam.ParDo(_Members(self.key, self.member, self.most, self.partitions))
        return (
            batches
            | "Members" >> pack.with_output_types(tuple[int, Packed])
            | "Group" >> beam.GroupByKey()
            | "Merge" >> beam.MapTuple(_merge_partition, most=self.most).with_output_types(Packed)
        )


class _Members(BundleBuffer):
    def __init__(self, key: Digest, member: Digest, most: int, partitions: int) -> None:
        super().__init__()
        self._key, self._member = key, member
        self._most, self._partitions = most, partitions

    def chunk_of(self, element: pa.RecordBatch, side_input: Any) -> np.ndarray:
        return memberships(self._key(element), self._member(element))

    def by_partition(self, chunks: Sequence[np.ndarray]) -> Iterator[tuple[int, bytes]]:
        merged = lowest_members(list(chunks), self._most)
        for partition, rows in split_sorted(merged["key"], self._partitions):
            yield partition, merged[rows].tobytes()


def _merge_partition(_: int, packed: Iterable[bytes], most: int = 1) -> bytes:
    return lowest_members([np.frombuffer(chunk, MEMBERSHIP) for chunk in packed], most).tobytes()
