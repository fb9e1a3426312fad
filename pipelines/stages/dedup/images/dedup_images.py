"""Stage dedup_images: images with equal bytes or pixels, then images whose perceptual hashes are near."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.pipelines.core.groups.look_up import BATCHES, Answered
from babelsift.pipelines.core.side_inputs import OncePerBundle
from babelsift.pipelines.core.stage_outputs import REJECTED, StageOutputs, emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.stages.dedup.duplicates_table import DUPLICATES, URLS, urls_of
from babelsift.pipelines.stages.dedup.images.duplicate_images import EXACT_KINDS, DuplicateImages
from babelsift.pipelines.stages.dedup.images.earlier_images import ReadEarlierImages, plan_earlier_images
from babelsift.pipelines.stages.dedup.images.find_duplicate_images import FindDuplicateImages
from babelsift.pipelines.stages.dedup.images.image_hashes import (
    EARLIER_RANK,
    compared_images,
    hash_rows,
    hashes_of_images,
)
from babelsift.pipelines.stages.dedup.images.look_up_duplicates import LookUpDuplicates
from babelsift.pipelines.stages.dedup.images.merge_texts import (
    MergeTexts,
    images_of,
    tagged,
    to_merge,
    with_survivors,
)
from babelsift.pipelines.stages.dedup.images.placeholders import DropPlaceholders
from babelsift.schemas import Decision, RejectReason, Stage
from babelsift.schemas.recipe import DedupImagesSettings


@dataclass
class DedupImages(Transform):
    """Leaves out images that duplicate another image, of this run or of an earlier one, with all of their pairs.

    The pairs of one URL are one image, which the lowest of their uids stands for.

    Input and main output: batches with DOWNLOAD_SCHEMA's columns, no uid twice. REJECTED: the duplicates; value is
    `<uid that is kept>` or `<uid that is kept> at <distance> bits`, threshold the radius. DUPLICATES: the same as rows
    of DUPLICATES_SCHEMA. URLS: of them and of the images that are kept in their place.

    Attributes:
        settings: what counts as a duplicate.
        partitions: ranges of digests and of hashes, one for half a million rows or so; results do not depend on it.
        max_captions: an image's; one with more, and its copies, go first: see `placeholders`. None: any number.
    """

    settings: DedupImagesSettings
    partitions: int = 1
    max_captions: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._earlier = plan_earlier_images(self.settings.earlier)

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> Any:
        """Drops placeholders, where a rule asks for it, then duplicates."""
        if self.max_captions is None:
            return self._distinct(batches)
        drop = DropPlaceholders(self.max_captions, self.settings, self.partitions)
        described = batches | "Placeholders" >> drop
        distinct = self._distinct(described.kept)
        rejected = (described[REJECTED], distinct[REJECTED]) | "AllRejected" >> beam.Flatten()
        tags = {tag: distinct[tag] for tag in ("kept", DUPLICATES, URLS)}
        return StageOutputs({**tags, REJECTED: rejected})

    def _distinct(self, batches: beam.PCollection[pa.RecordBatch]) -> Any:
        """Finds equal content, equal hashes and near hashes, and drops all duplicates at once."""
        hashes = batches | "Hashes" >> beam.Map(hashes_of_images, self.settings).with_output_types(pa.RecordBatch)
        if self._earlier:
            earlier = batches.pipeline | "Earlier" >> ReadEarlierImages(self._earlier)
            hashes = (hashes, earlier) | "WithEarlier" >> beam.Flatten()
        duplicates = hashes | "FindDuplicates" >> FindDuplicateImages(self.settings, self.partitions)
        look_up = LookUpDuplicates(self.settings, partial(hashes_of_images, settings=self.settings), self.partitions)
        drop = beam.ParDo(_DropDuplicates(self.settings))
        tags = [DUPLICATES, URLS, *((_TO_MERGE, _SURVIVORS) if self.settings.texts == "merge" else ())]
        asked = {BATCHES: batches, **duplicates} | "LookUpDuplicates" >> look_up
        distinct = asked | "Drop" >> kept_and_rejected(drop, dict.fromkeys(tags, pa.RecordBatch))
        return self._merged(distinct) if self.settings.texts == "merge" else distinct

    def _merged(self, distinct: beam.pvalue.DoOutputsTuple) -> StageOutputs:
        """Gives the texts of duplicates to the images that are kept."""
        inputs = {"kept": distinct.kept, "survivors": distinct[_SURVIVORS], "duplicates": distinct[_TO_MERGE]}
        merged = inputs | "MergeTexts" >> MergeTexts(self.partitions)
        both = {tag: (distinct[tag], merged[tag]) | f"All_{tag}" >> beam.Flatten() for tag in (REJECTED, DUPLICATES)}
        return StageOutputs({"kept": merged["kept"], URLS: distinct[URLS], **both})


_TO_MERGE, _SURVIVORS = "to_merge", "survivors"  # tags: pairs of duplicates, of images that are kept in their place


class _DropDuplicates(beam.DoFn):
    def __init__(self, settings: DedupImagesSettings) -> None:
        self._settings = settings
        self._duplicates = OncePerBundle(partial(DuplicateImages, settings))

    def process(self, element: Answered) -> Iterator[object]:
        duplicates = self._duplicates.of(*DuplicateImages.tables_of(element))
        for batch in element.batches:
            yield from self._drop(batch, duplicates)

    def _drop(self, element: pa.RecordBatch, duplicates: DuplicateImages) -> Iterator[object]:
        images = compared_images(element, self._settings)
        rows = hash_rows(element.take(pa.array(images.first)), self._settings)
        kept_instead = duplicates.kept_instead_of(rows).take(images.of_row)
        urls = urls_of(element, kept_instead.is_duplicate, duplicates.survivors)
        if len(urls):
            yield beam.pvalue.TaggedOutput(URLS, urls)
        in_rows, values = len(element), kept_instead.ledger_values()
        if self._settings.texts == "merge":
            merges = kept_instead.is_duplicate & (kept_instead.ranks != EARLIER_RANK)
            is_survivor = np.isin(images_of(element).view("S16"), duplicates.survivors.view("S16"))
            yield from tagged(_SURVIVORS, with_survivors(element).filter(pa.array(is_survivor & ~merges)))
            yield from tagged(_TO_MERGE, to_merge(element, kept_instead, values).filter(pa.array(merges)))
            others = np.flatnonzero(~merges)
            element, kept_instead = element.take(pa.array(others)), kept_instead.take(others)
            values = [values[row] for row in others]
        decision = Decision.keep_all(len(element))
        is_exact = np.isin(kept_instead.kind, EXACT_KINDS)
        decision.reject(is_exact, RejectReason.DUPLICATE_IMAGE, values=values)
        radius = self._settings.near_radius_bits
        decision.reject(kept_instead.is_duplicate, RejectReason.NEAR_DUPLICATE_IMAGE, values=values, threshold=radius)
        kept, rejected = decision.split(element, Stage.DEDUP_IMAGES)
        yield from emit(Stage.DEDUP_IMAGES, in_rows, [kept], [rejected])
        if len(rejected):
            yield beam.pvalue.TaggedOutput(DUPLICATES, kept_instead.duplicates_table(element))
