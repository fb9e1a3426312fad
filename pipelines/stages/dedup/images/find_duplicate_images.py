"""Finds duplicate images among rows of hashes, for image dedup and for decontamination.

1. Equal content. Rows of equal bytes, or of equal pixels, are grouped by their digest: the lowest row is kept.
2. Equal hashes. Of the rows with enough structure, those of one perceptual hash are folded into their lowest row, so
   that a million copies of one image are compared as often as one.
3. Near hashes. The rows that are left are compared (see `near_images`); of the links within the radius the greedy
   independent set says, component by component, which images are left out.

A blank image, a gradient, a flat logo have too little structure: they are merged by content, never by hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import apache_beam as beam
import pyarrow as pa

from babelsift.filters.dedup import (
    DIGEST_RECORD,
    IMAGE_LINK,
    nearest_kept_images,
    nearest_of_pairs,
    pack_image_hashes,
)
from babelsift.filters.uids import uid_bytes
from babelsift.pipelines.core.groups.decide_linked import DecideLinked
from babelsift.pipelines.core.groups.look_up import BATCHES, Answered, LookUp
from babelsift.pipelines.core.groups.lowest_per_digest import LowestPerDigest, kept_rows, only_duplicated
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.side_inputs import OncePerBundle
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.stages.dedup.images.image_hashes import (
    EARLIER_RANK,
    content_digest,
    has_structure,
    hashed_records,
    phash_digests,
    ranks_of,
)
from babelsift.pipelines.stages.dedup.images.near_images import FindNearHashes, hash_partitions
from babelsift.schemas.recipe import DedupImagesSettings

EQUAL_CONTENT, EQUAL_HASHES, LINKS = "equal_content", "equal_hashes", "links"


@dataclass
class FindDuplicateImages(Transform):
    """Finds the duplicates among hash rows (see `image_hashes`).

    Input: RecordBatches of hash rows. Output: what `LookUpDuplicates` takes, a PCollection each, as far as the settings
    ask for it: EQUAL_CONTENT and EQUAL_HASHES, packed digest records; LINKS of near hashes, packed IMAGE_LINK arrays.

    Attributes:
        settings: what counts as a duplicate; `survivor` and `earlier` have shaped the hash rows already.
        partitions: as of `DedupImages`.
        only_earlier: whether only rows of EARLIER_RANK may be kept in the place of others.
    """

    settings: DedupImagesSettings
    partitions: int
    only_earlier: bool = False

    def expand(self, hashes: beam.PCollection[pa.RecordBatch]) -> dict[str, beam.PCollection[bytes]]:
        """Finds equal content, equal hashes, and near hashes."""
        captions, found = self.settings.by == "image_and_caption", {}
        if self.settings.exact:
            found[EQUAL_CONTENT] = (
                hashes
                | "FindEqual" >> LowestPerDigest(content_digest(self.settings), self.partitions, ranks_of)
                | "Equal" >> beam.Map(only_duplicated).with_output_types(Packed)
            )
        if self.settings.near_radius_bits is not None:
            keep = beam.Map(structured_rows, self.settings.min_phash_quality).with_output_types(pa.RecordBatch)
            structured = hashes | "Structured" >> keep
            hash_digest = partial(phash_digests, captions=captions)
            found[EQUAL_HASHES] = (
                structured
                | "FindSameHash" >> LowestPerDigest(hash_digest, self.partitions, ranks_of)
                | "SameHash" >> beam.Map(only_duplicated).with_output_types(Packed)
            )
            look_up = LookUp({EQUAL_HASHES: hash_digest}, {EQUAL_HASHES: DIGEST_RECORD}, self.partitions)
            asked = {BATCHES: structured, EQUAL_HASHES: found[EQUAL_HASHES]} | "LookUpHashes" >> look_up
            found[LINKS] = self._link(asked, self.settings.near_radius_bits)
        return found

    def _link(self, structured: beam.PCollection[Answered], radius: int) -> beam.PCollection[bytes]:
        fold = beam.ParDo(_FirstOfEachHash(self.settings)).with_output_types(Packed)
        partitions = hash_partitions(self.partitions, crops=self.settings.near_crops)
        ranked_below = EARLIER_RANK + 1 if self.only_earlier else None
        return (
            structured
            | "FirstOfHash" >> fold
            | "FindNear" >> FindNearHashes(radius, partitions, self.settings.near_crops, ranked_below)
            | "Decide" >> DecideLinked(nearest_kept_images, IMAGE_LINK, self.partitions, merge=nearest_of_pairs)
        )


def structured_rows(rows: pa.RecordBatch, min_quality: float) -> pa.RecordBatch:
    """Returns the hash rows whose images have enough structure to be compared by their hashes."""
    return rows.filter(pa.array(has_structure(rows, min_quality)))


class _FirstOfEachHash(beam.DoFn):
    """Yields the packed records of the row that is kept of each distinct hash."""

    def __init__(self, settings: DedupImagesSettings) -> None:
        self._settings = settings
        self._kept = OncePerBundle(kept_rows)

    def process(self, element: Answered) -> Iterator[bytes]:
        captions = self._settings.by == "image_and_caption"
        kept = self._kept.of(element.answers[EQUAL_HASHES])
        for batch in element.batches:
            digests, uids = phash_digests(batch, captions=captions), uid_bytes(batch.column("uid"))
            is_kept = kept.duplicate_of(digests, ranks_of(batch), uids) < 0
            records = hashed_records(batch.filter(pa.array(is_kept)), self._settings)
            if len(records):
                yield pack_image_hashes(records)
