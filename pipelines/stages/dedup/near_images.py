"""Finding near-duplicate images in Beam: hashes and uids cross the shuffle, once to each part that has to do with them.

A part is some of the bands or, with more parts than bands, a share of one's buckets. A hash goes to the parts that its
buckets lie in, where those buckets are found anew, so that it travels no more often than it has buckets.
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
    IMAGE_LINK,
    WHOLE_BANDS,
    bucket_keys,
    near_image_links,
    nearest_kept_images,
    nearest_of_pairs,
    owning_partitions,
    partitions_of_bands,
)
from babelsift.pipelines.core.bundle_buffer import BundleBuffer
from babelsift.pipelines.core.combine_packed import MergePacked
from babelsift.pipelines.core.transform import Transform


@dataclass
class FindNear(Transform):
    """Finds the pairs of hashes within a radius.

    Input: packed IMAGE_HASHES arrays (bytes). Output: packed IMAGE_LINK arrays (bytes), one a
    partition; a pair may be in several.

    Attributes: partitions: parts; results do not depend on it. ranked_below: see `near_image_links`.
    """

    radius: int
    partitions: int
    ranked_below: int | None = None

    def expand(self, hashed: beam.PCollection[bytes]) -> beam.PCollection[bytes]:
        """Sends each hash to its parts and compares there."""
        send = beam.ParDo(_Send(self.partitions)).with_output_types(tuple[int, bytes])
        compare = beam.Map(links_of_part, self.radius, self.partitions, self.ranked_below)
        return hashed | "Send" >> send | "GroupPart" >> beam.GroupByKey() | "Compare" >> compare


def parts_of(records: np.ndarray, partitions: int) -> np.ndarray:
    """Returns bool[n, partitions]: which parts each record has buckets in."""
    parts = np.zeros((len(records), partitions), dtype=bool)
    for crops in (False, True):
        rows = np.arange(len(records)) if crops else np.flatnonzero(records["crop"] == 0)
        of_band = partitions_of_bands(len(CROP_BANDS if crops else WHOLE_BANDS), partitions)
        if partitions <= len(of_band):  # each part has a whole band, and every record a bucket there
            parts[rows] = True
            continue
        hashes = np.ascontiguousarray(records["low" if crops else "hash"][rows])
        for number, own in enumerate(of_band):
            keys = bucket_keys(hashes, records["group"][rows], number, crops=crops)
            parts[rows, owning_partitions(keys, own)] = True
    return parts


def links_of_part(part: tuple[int, Iterable[bytes]], radius: int, partitions: int, ranked_below: int | None) -> bytes:
    """Returns the packed LINKs among one (number, packed records)."""
    number, packed = part
    records = np.frombuffer(b"".join(packed), dtype=IMAGE_HASHES)
    links = near_image_links(records, radius=radius, partition=number, partitions=partitions, ranked_below=ranked_below)
    return links.tobytes()


class MergeLinks(MergePacked):
    """Merges packed links, each pair once; at the end the nearest survivor of each that is left out."""

    def merge(self, packed: list[bytes]) -> bytes:
        """Returns the pairs, packed and sorted."""
        return nearest_of_pairs(np.frombuffer(b"".join(packed), dtype=IMAGE_LINK)).tobytes()

    def extract_output(self, accumulator: list[bytes]) -> bytes:
        """Returns the links of those that are left out, packed."""
        return nearest_kept_images(np.frombuffer(b"".join(accumulator), dtype=IMAGE_LINK)).tobytes()


class _Send(BundleBuffer):
    """Sends each hash to the parts that its buckets lie in."""

    def __init__(self, partitions: int) -> None:
        super().__init__(flush_at=16 << 20)
        self._partitions = partitions

    def chunk_of(self, element: bytes, side_input: Any) -> tuple[np.ndarray, np.ndarray]:
        """Returns the records, and which parts each belongs to."""
        records = np.frombuffer(element, dtype=IMAGE_HASHES)
        return records, parts_of(records, self._partitions)

    def size_of(self, chunk: tuple[np.ndarray, np.ndarray], element: bytes) -> int:
        """Returns how many bytes a chunk's records come to, wherever they are sent."""
        return int(np.count_nonzero(chunk[1])) * IMAGE_HASHES.itemsize

    def by_partition(self, chunks: Sequence[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple[int, bytes]]:
        """Yields (part, its packed records)."""
        records, belongs = (np.concatenate(column) for column in zip(*chunks, strict=True))
        for number in np.flatnonzero(belongs.any(axis=0)):
            yield int(number), records[belongs[:, number]].tobytes()
