"""Stage image_rules: bounds on the image as it was served, by its metadata alone: a changed rule downloads nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.image import has_min_bytes, has_min_side, is_within_aspect_ratio
from babelsift.pipelines.core.stage_outputs import emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.schemas import Decision, RejectReason, Stage
from babelsift.schemas.recipe import ImageRules


@dataclass
class FilterImages(Transform):
    """Keeps images within the bounds of the rules that are on.

    Input and main output: batches with DOWNLOAD_SCHEMA's columns. REJECTED: the others.

    Attributes:
        rules: the bounds; a rule that is None is off.
    """

    rules: ImageRules

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Decides each batch on its own."""
        return batches | "Filter" >> kept_and_rejected(beam.ParDo(_Filter(self.rules)))


class _Filter(beam.DoFn):
    def __init__(self, rules: ImageRules) -> None:
        self._rules = rules

    def process(self, element: pa.RecordBatch) -> Iterator[object]:
        kept, rejected = decide_images(element, self._rules).split(element, Stage.IMAGE_RULES)
        yield from emit(Stage.IMAGE_RULES, len(element), [kept], [rejected])


def decide_images(batch: pa.RecordBatch, rules: ImageRules, *, as_kind: type[Decision] = Decision) -> Decision:
    """Returns the verdict on a batch with the columns original_width, original_height and original_bytes.

    Args:
        batch: n rows.
        rules: the bounds.
        as_kind: KeptRows: which rows are kept, and not why the others are not.
    """
    decision = as_kind.keep_all(len(batch))
    width, height, size = (batch.column(f"original_{name}") for name in ("width", "height", "bytes"))
    shown = zip(width.to_pylist(), height.to_pylist(), strict=True) if decision.tells else ()
    sides = [f"{w}x{h} px" for w, h in shown]
    if rules.min_bytes is not None:
        small = _not(has_min_bytes(size, minimum=rules.min_bytes))
        decision.reject(small, RejectReason.FILE_TOO_SMALL, values=size, threshold=rules.min_bytes)
    if rules.min_side_px is not None:
        small = _not(has_min_side(width, height, minimum=rules.min_side_px))
        decision.reject(small, RejectReason.IMAGE_TOO_SMALL, values=sides, threshold=rules.min_side_px)
    if rules.max_aspect_ratio is not None:
        long = _not(is_within_aspect_ratio(width, height, maximum=rules.max_aspect_ratio))
        decision.reject(long, RejectReason.ASPECT_RATIO_TOO_LARGE, values=sides, threshold=rules.max_aspect_ratio)
    return decision


def _not(kept: pa.BooleanArray) -> np.ndarray:
    return ~kept.to_numpy(zero_copy_only=False)
