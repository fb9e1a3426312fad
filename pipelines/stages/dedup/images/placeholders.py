"""Images that stand for anything: one content with too many different captions, "image not available", and its copies.

1. Count. The different captions of each content (equal pixels) are counted; those of one page (`page_url`) to which one
   domain serves it count once, or where no page is known those of one source row, so that a picture that is described
   in fifty languages stays.
2. Copies. What is near to such a content, by its perceptual hash, is found as image dedup finds it.
3. Drop. All pairs of both are left out: none of their captions is more to be trusted than another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.dedup import DigestIndex
from babelsift.pipelines.core.groups.frequent_keys import key_index
from babelsift.pipelines.core.groups.images_with_many_texts import FindImagesWithManyTexts
from babelsift.pipelines.core.groups.look_up import BATCHES, Answered
from babelsift.pipelines.core.side_inputs import OncePerBundle
from babelsift.pipelines.core.stage_outputs import emit_step, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.stages.dedup.images.duplicate_images import DuplicateImages
from babelsift.pipelines.stages.dedup.images.find_duplicate_images import FindDuplicateImages
from babelsift.pipelines.stages.dedup.images.image_hashes import (
    EARLIER_RANK,
    content_digests,
    hash_rows,
    hashes_of_images,
    with_ranks,
)
from babelsift.pipelines.stages.dedup.images.look_up_duplicates import LookUpDuplicates
from babelsift.pipelines.staging.image_rows import image_rows
from babelsift.schemas import Decision, RejectReason, Stage
from babelsift.schemas.recipe import DedupImagesSettings

_RADIUS_BITS = 20  # of copies, where image dedup sets none


@dataclass
class DropPlaceholders(Transform):
    """Leaves out images whose pixels have more different captions than allowed, and near copies of them.

    Input and main output: batches with DOWNLOAD_SCHEMA's columns, all pairs of an image in one. REJECTED: the others;
    value says how many captions are too many, or which image it is a copy of.

    Attributes:
        maximum: captions that one content may have.
        settings: of image dedup: how near a copy is, and how much structure an image needs to be compared.
        partitions: ranges of digests and of hashes, one for half a million rows or so; results do not depend on it.
    """

    maximum: int
    settings: DedupImagesSettings
    partitions: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        radius = _RADIUS_BITS if self.settings.near_radius_bits is None else self.settings.near_radius_bits
        quality = self.settings.min_phash_quality
        self._comparison = DedupImagesSettings(exact="pixels", near_radius_bits=radius, min_phash_quality=quality)

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Finds the contents, then their copies, and drops all at once."""
        frequent = batches | "Frequent" >> FindImagesWithManyTexts(pixel_digests, self.maximum, self.partitions)
        known = beam.pvalue.AsList(frequent)
        select = beam.ParDo(_Placeholders(self._comparison), known).with_output_types(pa.RecordBatch)
        # Few, and shuffled, so that no runner fuses the step that waits for the contents with those that find them.
        placeholders = batches | "Placeholders" >> select | "Apart" >> beam.Reshuffle()
        ours = batches | "Hashes" >> beam.Map(hashes_of_images, self._comparison).with_output_types(pa.RecordBatch)
        hashes = (ours, placeholders) | "All" >> beam.Flatten()
        find = FindDuplicateImages(self._comparison, self.partitions, only_earlier=True)
        rows = partial(hashes_of_images, settings=self._comparison)
        look_up = LookUpDuplicates(self._comparison, rows, self.partitions)
        asked = {BATCHES: batches, **(hashes | "FindCopies" >> find)} | "LookUpCopies" >> look_up
        drop = beam.ParDo(_Drop(self.maximum, self._comparison), known)
        return asked | "Drop" >> kept_and_rejected(drop)


def pixel_digests(batch: pa.RecordBatch) -> np.ndarray:
    """Returns V16[n], digests of the images' pixels."""
    return content_digests(batch, pixels=True, captions=False)


def are_frequent(batch: pa.RecordBatch, frequent: DigestIndex) -> np.ndarray:
    """Returns bool[n], the rows whose pixels have too many captions."""
    return frequent.position_of(pixel_digests(batch)) >= 0


class _Placeholders(beam.DoFn):
    """Yields the hash rows of images with too many captions, which rank before all others."""

    def __init__(self, settings: DedupImagesSettings) -> None:
        self._settings = settings
        self._frequent = OncePerBundle(key_index)

    def process(self, element: pa.RecordBatch, frequent: list[bytes]) -> Iterator[pa.RecordBatch]:
        images = element.take(pa.array(image_rows(element).first))
        found = images.filter(pa.array(are_frequent(images, self._frequent.of(frequent))))
        if len(found):
            yield with_ranks(found, pa.array(np.full(len(found), EARLIER_RANK, dtype=np.uint64)))


class _Drop(beam.DoFn):
    def __init__(self, maximum: int, settings: DedupImagesSettings) -> None:
        self._maximum, self._settings = maximum, settings
        self._frequent = OncePerBundle(key_index)
        self._copies = OncePerBundle(partial(DuplicateImages, settings))

    def process(self, element: Answered, frequent: list[bytes]) -> Iterator[object]:
        copies = self._copies.of(*DuplicateImages.tables_of(element))
        for batch in element.batches:
            yield from self._drop(batch, self._frequent.of(frequent), copies)

    def _drop(self, element: pa.RecordBatch, frequent: DigestIndex, copies: DuplicateImages) -> Iterator[object]:
        decision, reason = Decision.keep_all(len(element)), RejectReason.PIXELS_WITH_TOO_MANY_CAPTIONS
        is_frequent = are_frequent(element, frequent)
        decision.reject(is_frequent, reason, values=f"more than {self._maximum}", threshold=self._maximum)
        images = image_rows(element)
        hashes = hash_rows(element.take(pa.array(images.first)), self._settings)
        kept_instead = copies.kept_instead_of(hashes).take(images.of_row)
        is_copy = kept_instead.is_duplicate & (kept_instead.ranks == EARLIER_RANK)
        values = [
            f"{uid.tobytes().hex()}{kept_instead.how_near(row)}" if is_copy[row] else None
            for row, uid in enumerate(kept_instead.uids)
        ]
        decision.reject(is_copy, reason, values=values, threshold=self._maximum)
        kept, rejected = decision.split(element, Stage.DEDUP_IMAGES)
        yield from emit_step(Stage.DEDUP_IMAGES, kept, [rejected], is_last=False)
