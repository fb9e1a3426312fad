"""Stage dedup_images: images with equal bytes or pixels, then images whose perceptual hashes are near."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.pipelines.core.side_inputs import OncePerBundle
from babelsift.pipelines.core.stage_outputs import emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.stages.dedup.duplicates_table import DUPLICATES
from babelsift.pipelines.stages.dedup.images.duplicate_images import EXACT_KINDS, DuplicateImages
from babelsift.pipelines.stages.dedup.images.earlier_images import ReadEarlierImages, plan_earlier_images
from babelsift.pipelines.stages.dedup.images.find_duplicate_images import FindDuplicateImages
from babelsift.pipelines.stages.dedup.images.image_hashes import hash_rows
from babelsift.schemas import Decision, RejectReason, Stage
from babelsift.schemas.recipe import DedupImagesSettings


@dataclass
class DedupImages(Transform):
    """Leaves out images that duplicate another image, of this run or of an earlier one.

    Input and main output: batches with DOWNLOAD_SCHEMA's columns, no uid twice. REJECTED: the duplicates; value is
    `<uid that is kept>` or `<uid that is kept> at <distance> bits`, threshold the radius. DUPLICATES: the same as rows
    of DUPLICATES_SCHEMA.

    Attributes:
        settings: what counts as a duplicate.
        partitions: ranges of digests and of hashes; results do not depend on how many.
    """

    settings: DedupImagesSettings
    partitions: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        self._earlier = plan_earlier_images(self.settings.earlier)

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Finds equal content, equal hashes and near hashes, and drops all duplicates at once."""
        hashes = batches | "Hashes" >> beam.Map(hash_rows, self.settings).with_output_types(pa.RecordBatch)
        if self._earlier:
            earlier = batches.pipeline | "Earlier" >> ReadEarlierImages(self._earlier)
            hashes = (hashes, earlier) | "WithEarlier" >> beam.Flatten()
        duplicates = hashes | "FindDuplicates" >> FindDuplicateImages(self.settings, self.partitions)
        side_inputs = [beam.pvalue.AsList(of_kind) for of_kind in duplicates]
        drop = beam.ParDo(_DropDuplicates(self.settings), *side_inputs)
        return batches | "Drop" >> kept_and_rejected(drop, {DUPLICATES: pa.RecordBatch})


class _DropDuplicates(beam.DoFn):
    def __init__(self, settings: DedupImagesSettings) -> None:
        self._settings = settings
        self._duplicates = OncePerBundle(partial(DuplicateImages, settings))

    def process(
        self, element: pa.RecordBatch, equal_content: list[bytes], equal_hashes: list[bytes], links: list[bytes]
    ) -> Iterator[object]:
        duplicates = self._duplicates.of(equal_content, equal_hashes, links)
        kept_instead = duplicates.kept_instead_of(hash_rows(element, self._settings))
        decision, values = Decision.keep_all(len(element)), kept_instead.ledger_values()
        is_exact = np.isin(kept_instead.kind, EXACT_KINDS)
        decision.reject(is_exact, RejectReason.DUPLICATE_IMAGE, values=values)
        radius = self._settings.near_radius_bits
        decision.reject(kept_instead.is_duplicate, RejectReason.NEAR_DUPLICATE_IMAGE, values=values, threshold=radius)
        kept, rejected = decision.split(element, Stage.DEDUP_IMAGES)
        yield from emit(Stage.DEDUP_IMAGES, len(element), [kept], [rejected])
        if len(rejected):
            yield beam.pvalue.TaggedOutput(DUPLICATES, kept_instead.duplicates_table(element))
