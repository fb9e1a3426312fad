"""Stage image dedup: images with equal bytes or pixels, then images whose perceptual hashes are near.

Rows of one perceptual hash are folded into the one that would survive before any comparison, so a million copies of one
image cost as much as one. Images with too little structure (blank, a gradient) are never merged by hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.pipelines.core.stage_outputs import emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.stages.dedup.duplicates_table import DUPLICATES
from babelsift.pipelines.stages.dedup.earlier_images import ReadEarlierImages, plan_earlier_images
from babelsift.pipelines.stages.dedup.image_duplicates import FindRepeats, Repeats
from babelsift.pipelines.stages.dedup.image_hashes import hash_rows
from babelsift.schemas import Decision, RejectReason, Stage
from babelsift.schemas.recipe import DedupImagesSettings


@dataclass
class DedupImages(Transform):
    """Leaves out images that repeat another, of this run or of an earlier one.

    Input and main output: batches with DOWNLOAD_SCHEMA's columns, no uid twice. REJECTED: the others; value is
    `<survivor's uid>` or `<survivor's uid> at <distance> bits`, threshold the radius. DUPLICATES: who survived them.

    Attributes: partitions: how many parts the digests are compared in; results do not depend on it.
    """

    settings: DedupImagesSettings
    partitions: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.partitions < 1:
            raise ValueError(f"partitions should be at least 1, found {self.partitions}")
        self._earlier = plan_earlier_images(self.settings.earlier)

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Finds equal content, equal hashes and near ones, and drops all at once."""
        hashes = batches | "Hashes" >> beam.Map(hash_rows, self.settings).with_output_types(pa.RecordBatch)
        if self._earlier:
            earlier = batches.pipeline | "Earlier" >> ReadEarlierImages(self._earlier)
            hashes = (hashes, earlier) | "WithEarlier" >> beam.Flatten()
        found = hashes | "FindRepeats" >> FindRepeats(self.settings, self.partitions)
        sides = [beam.pvalue.AsList(side) for side in found]
        drop = _DropRepeats(self.settings)
        return batches | "Drop" >> kept_and_rejected(beam.ParDo(drop, *sides), {DUPLICATES: pa.RecordBatch})


class _DropRepeats(beam.DoFn):
    def __init__(self, settings: DedupImagesSettings) -> None:
        self._settings = settings
        self._sides: object = None

    def process(
        self, element: pa.RecordBatch, equal: list[bytes], same: list[bytes], links: list[bytes]
    ) -> Iterator[object]:
        if self._sides is not equal:
            self._sides = equal
            self._repeats = Repeats(self._settings, equal, same, links)
        found = self._repeats.survivors_of(hash_rows(element, self._settings))
        decision = Decision.keep_all(len(element))
        exact = np.isin(found.kind, ("equal_bytes", "equal_pixels"))
        decision.reject(exact, RejectReason.DUPLICATE_IMAGE, values=found.shown())
        decision.reject(
            found.kind != "",
            RejectReason.NEAR_DUPLICATE_IMAGE,
            values=found.shown(),
            threshold=self._settings.near_radius_bits,
        )
        kept, rejected = decision.split(element, Stage.DEDUP_IMAGES)
        yield from emit(Stage.DEDUP_IMAGES, len(element), [kept], [rejected])
        if len(rejected):
            yield beam.pvalue.TaggedOutput(DUPLICATES, found.table(element))
