"""Finds duplicate images among rows of hashes, for image dedup and for decontamination.

1. Equal content. Rows of equal bytes, or of equal pixels, are grouped by their digest: the lowest row is kept.
2. Equal hashes. Of the rows with enough structure, those of one perceptual hash are folded into their lowest row, so
   that a million copies of one image are compared as often as one.
3. Near hashes. The rows that are left are compared (see `near_images`); links within the radius are merged.

A blank image, a gradient, a flat logo have too little structure: they are merged by content, never by hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import apache_beam as beam
import pyarrow as pa

from babelsift.filters.uids import uid_bytes
from babelsift.pipelines.core.groups.lowest_per_digest import LowestPerDigest, kept_rows, only_duplicated
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.side_inputs import OncePerBundle
from babelsift.pipelines.core.transform import Transform, empty_collection
from babelsift.pipelines.stages.dedup.images.image_hashes import (
    EARLIER_RANK,
    content_digests,
    has_structure,
    hashed_records,
    phash_digests,
    ranks_of,
)
from babelsift.pipelines.stages.dedup.images.near_images import FindNearHashes, MergeLinks
from babelsift.schemas.recipe import DedupImagesSettings

# A record of crops is sent to most partitions whatever their number, one of whole images alone to as many as there are
# bands: few partitions spare journeys, and with crops four times as many keep each small.
_PARTITIONS_A_HASH_PARTITION = 8
_MORE_WITH_CROPS = 4


@dataclass
class FindDuplicateImages(Transform):
    """Finds the duplicates among hash rows (see `image_hashes`).

    Input: RecordBatches of hash rows. Output: what `DuplicateImages` takes, a PCollection each: digest records of equal
    content, digest records of equal hashes, links of near hashes.

    Attributes:
        settings: what counts as a duplicate; `survivor` and `earlier` have shaped the hash rows already.
        partitions: as of `DedupImages`.
        only_earlier: whether only rows of EARLIER_RANK may be kept in the place of others.
    """

    settings: DedupImagesSettings
    partitions: int
    only_earlier: bool = False

    def expand(self, hashes: beam.PCollection[pa.RecordBatch]) -> tuple[beam.PCollection[bytes], ...]:
        """Finds equal content, equal hashes, and near hashes."""
        nothing = empty_collection(hashes, "Nothing", Packed)
        captions = self.settings.by == "image_and_caption"
        equal_content = equal_hashes = links = nothing
        if self.settings.exact:
            digest = partial(content_digests, pixels=self.settings.exact == "pixels", captions=captions)
            equal_content = (
                hashes
                | "FindEqual" >> LowestPerDigest(digest, self.partitions, ranks_of)
                | "Equal" >> beam.Map(only_duplicated).with_output_types(Packed)
            )
        if self.settings.near_radius_bits is not None:
            keep = beam.Map(structured_rows, self.settings.min_phash_quality).with_output_types(pa.RecordBatch)
            structured = hashes | "Structured" >> keep
            hash_digest = partial(phash_digests, captions=captions)
            equal_hashes = (
                structured
                | "FindSameHash" >> LowestPerDigest(hash_digest, self.partitions, ranks_of)
                | "SameHash" >> beam.Map(only_duplicated).with_output_types(Packed)
            )
            links = self._link(structured, equal_hashes, self.settings.near_radius_bits)
        return equal_content, equal_hashes, links

    def _link(
        self, structured: beam.PCollection[pa.RecordBatch], equal_hashes: beam.PCollection[bytes], radius: int
    ) -> beam.PCollection[bytes]:
        fold = beam.ParDo(_FirstOfEachHash(self.settings), beam.pvalue.AsList(equal_hashes)).with_output_types(Packed)
        partitions = self.partitions * (_MORE_WITH_CROPS if self.settings.near_crops else 1)
        partitions = max(1, partitions // _PARTITIONS_A_HASH_PARTITION)
        ranked_below = EARLIER_RANK + 1 if self.only_earlier else None
        return (
            structured
            | "FirstOfHash" >> fold
            | "FindNear" >> FindNearHashes(radius, partitions, ranked_below)
            | "Cluster" >> beam.CombineGlobally(MergeLinks()).without_defaults().with_output_types(Packed)
        )


def structured_rows(rows: pa.RecordBatch, min_quality: float) -> pa.RecordBatch:
    """Returns the hash rows whose images have enough structure to be compared by their hashes."""
    return rows.filter(pa.array(has_structure(rows, min_quality)))


class _FirstOfEachHash(beam.DoFn):
    """Yields the packed records of the row that is kept of each distinct hash."""

    def __init__(self, settings: DedupImagesSettings) -> None:
        self._settings = settings
        self._kept = OncePerBundle(kept_rows)

    def process(self, element: pa.RecordBatch, equal_hashes: list[bytes]) -> Iterator[bytes]:
        captions = self._settings.by == "image_and_caption"
        digests, uids = phash_digests(element, captions=captions), uid_bytes(element.column("uid"))
        is_kept = self._kept.of(equal_hashes).duplicate_of(digests, ranks_of(element), uids) < 0
        records = hashed_records(element.filter(pa.array(is_kept)), self._settings)
        if len(records):
            yield records.tobytes()
