"""Near-duplicate images in Beam: each hash is sent once to every partition that owns one of its buckets.

1. Bucket. A hash falls into one bucket a band (see `babelsift.filters.dedup.images`): two hashes within 15 bits
   share one for certain, and of those a little farther apart nearly all do.
2. Send. A partition owns some of the bands or, with more partitions than bands, a share of one band's buckets. A hash
   goes once to each partition that owns one of its buckets, and those buckets are found anew there.
3. Compare. A partition compares what shares a bucket, and links what lies within the radius.
4. Decide. Links of one pair that several partitions found are merged, and the greedy independent set says which images
   are left out (see `decide_linked`).

        hash 1 -- bands a b c d --> partition 0 owns a, b      hash 1 ~ hash 2 in a, in b
        hash 2 -- bands a b c d --> partition 1 owns c, d      hash 1 ~ hash 2 in c          -> one link 1-2
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np

from babelsift.filters.dedup import (
    CROP_BANDS,
    IMAGE_HASHES,
    WHOLE_BANDS,
    bucket_keys,
    near_image_links,
    owning_partitions,
    pack_image_hashes,
    partitions_of_bands,
    unpack_image_hashes,
)
from babelsift.pipelines.core.bundle_buffer import BundleBuffer
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.shuffled_pieces import array_pieces
from babelsift.pipelines.core.transform import Transform

_PARTITIONS_OF_ONE = 2  # partitions of rows whose hashes one partition compares
_MORE_WITH_CROPS = 4


@dataclass
class FindNearHashes(Transform):
    """Finds the pairs of hashes within a radius.

    Input: packed IMAGE_HASHES, by `pack_image_hashes`. Output: packed IMAGE_LINK arrays, one a partition; a pair may be
    in several.

    Attributes:
        radius: bits in which two hashes may differ.
        partitions: results do not depend on how many.
        crops: whether there may be crops or views among them; where not, none is sent to the buckets of their bands.
        ranked_below: see `near_image_links`.
    """

    radius: int
    partitions: int
    crops: bool = True
    ranked_below: int | None = None

    def expand(self, hashed: beam.PCollection[bytes]) -> beam.PCollection[bytes]:
        """Sends each hash to the partitions that own its buckets and compares there."""
        send = beam.ParDo(_SendHashes(self.partitions, self.crops)).with_output_types(tuple[int, Packed])
        compare = beam.Map(links_of_partition, self.radius, self.partitions, self.ranked_below).with_output_types(
            Packed
        )
        return hashed | "Send" >> send | "GroupPartition" >> beam.GroupByKey() | "Compare" >> compare


def hash_partitions(partitions: int, *, crops: bool) -> int:
    """Returns in how many partitions hashes are compared.

    One compares those of a million rows. Of more, the buckets of a band are shared by several partitions, each of half
    a million hashes, and a hash goes to as many as there are bands.

    Args:
        partitions: of half a million rows each.
        crops: whether crops are compared: four times as many then hold as much.

    >>> hash_partitions(2, crops=False), hash_partitions(20, crops=False)
    (1, 320)
    """
    if partitions <= _PARTITIONS_OF_ONE:
        return 1
    more = _MORE_WITH_CROPS if crops else 1
    return len(WHOLE_BANDS) * more * partitions


def partitions_of(records: np.ndarray, partitions: int, *, crops: bool = True) -> np.ndarray:
    """Returns which partitions own a bucket of each record.

    Args:
        records: IMAGE_HASHES[n].
        partitions: how many there are.
        crops: whether crops are compared. Where not, `low` is zero everywhere, and its buckets would hold all records.

    Returns:
        bool[n, partitions].
    """
    owned = np.zeros((len(records), partitions), dtype=bool)
    for of_crops in (False, True) if crops else (False,):
        rows = np.arange(len(records)) if of_crops else np.flatnonzero(records["crop"] == 0)
        owners_of_band = partitions_of_bands(len(CROP_BANDS if of_crops else WHOLE_BANDS), partitions)
        if partitions <= len(owners_of_band):  # a partition owns whole bands, and every record has a bucket in each
            owned[rows] = True
            continue
        hashes = np.ascontiguousarray(records["low" if of_crops else "hash"][rows])
        for band, sharing in enumerate(owners_of_band):
            keys = bucket_keys(hashes, records["group"][rows], band, crops=of_crops)
            owned[rows, owning_partitions(keys, sharing)] = True
    return owned


def links_of_partition(
    partition: tuple[int, Iterable[bytes]], radius: int, partitions: int, ranked_below: int | None
) -> bytes:
    """Returns the packed LINKs of one (number, packed records)."""
    number, packed = partition
    records = unpack_image_hashes(*packed)
    links = near_image_links(records, radius=radius, partition=number, partitions=partitions, ranked_below=ranked_below)
    return links.tobytes()


class _SendHashes(BundleBuffer):
    """Sends each hash to the partitions that own one of its buckets; the buffer is full at so many bytes to send."""

    def __init__(self, partitions: int, crops: bool, flush_at_bytes: int = 64 << 20) -> None:
        super().__init__(flush_at_bytes)
        self._partitions, self._crops = partitions, crops

    def chunk_of(self, element: bytes, side_input: Any) -> tuple[np.ndarray, np.ndarray]:
        records = unpack_image_hashes(element)
        return records, partitions_of(records, self._partitions, crops=self._crops)

    def size_of(self, chunk: tuple[np.ndarray, np.ndarray], element: bytes) -> int:
        return int(np.count_nonzero(chunk[1])) * IMAGE_HASHES.itemsize

    def by_partition(self, chunks: Sequence[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple[int, bytes]]:
        records, owned = (np.concatenate(column) for column in zip(*chunks, strict=True))
        for partition in np.flatnonzero(owned.any(axis=0)):
            for piece in array_pieces(records[owned[:, partition]]):
                yield int(partition), pack_image_hashes(piece)
