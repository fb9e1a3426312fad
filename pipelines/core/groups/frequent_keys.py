"""The keys that go with more than so many different members, and looking them up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.counting import MEMBERSHIP, keys_with_more_than
from babelsift.filters.dedup import DigestIndex
from babelsift.pipelines.core.groups.bottom_k import LowestMembers
from babelsift.pipelines.core.groups.lowest_per_digest import Digest
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.transform import Transform


@dataclass
class FindFrequent(Transform):
    """Finds the keys that go with more than `maximum` different members.

    Input: RecordBatches. Output: packed V16 arrays (bytes), the keys' digests, one a partition.

    Attributes:
        key, member, partitions: see `LowestMembers`.
        maximum: members that a key may have.
    """

    key: Digest
    member: Digest
    maximum: int
    partitions: int

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[bytes]:
        """Merges memberships to one more than the maximum a key, and keeps the keys that have so many."""
        lowest = LowestMembers(self.key, self.member, self.maximum + 1, self.partitions)
        return batches | "Lowest" >> lowest | "TooMany" >> beam.Map(too_many, self.maximum).with_output_types(Packed)


def too_many(packed: bytes, maximum: int) -> bytes:
    """Returns the packed keys that have more than `maximum` of the packed, merged memberships."""
    return keys_with_more_than(np.frombuffer(packed, dtype=MEMBERSHIP), maximum).tobytes()


def key_index(packed: Iterable[bytes]) -> DigestIndex:
    """Returns an index of packed V16 arrays of keys."""
    return DigestIndex(np.unique(np.frombuffer(b"".join(packed), dtype="V16")))
