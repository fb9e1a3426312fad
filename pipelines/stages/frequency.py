"""Stage frequency: captions on too many images and images with too many captions, which only the whole input shows.

An image is its URL here: nothing is downloaded yet; `dedup.images.placeholders` counts by pixels. The texts of one
page, or of one source row where no page is known, count once. A row is 32 bytes in the shuffle, merged before it is
grouped: see `babelsift.pipelines.core.groups.bottom_k` for why one caption on a million images is no burden.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa

from babelsift.pipelines.core.groups.frequent_keys import FindFrequent, key_index
from babelsift.pipelines.core.groups.images_with_many_texts import FindImagesWithManyTexts
from babelsift.pipelines.core.groups.lowest_per_digest import Digest
from babelsift.pipelines.core.groups.pair_digests import caption_digests, url_digests
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.side_inputs import OncePerBundle
from babelsift.pipelines.core.stage_outputs import PassAll, emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform, empty_collection
from babelsift.schemas import Decision, RejectReason, Stage
from babelsift.schemas.recipe import FrequencyRules


@dataclass
class FilterFrequencies(Transform):
    """Leaves out pairs whose caption is on more images, or whose image has more captions, than allowed.

    Input and main output: batches with url and caption. REJECTED: the others; both rules count all of the input.

    Attributes:
        settings: the rules; a rule that is None is off.
        partitions: ranges of digests; results do not depend on how many.
    """

    settings: FrequencyRules
    partitions: int = 64

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Finds the captions and images that are too frequent, then drops the rows of both at once."""
        captions, images = self.settings.max_images_per_caption, self.settings.max_captions_per_image
        if captions is None and images is None:
            return batches | "Pass" >> kept_and_rejected(beam.ParDo(PassAll(Stage.FREQUENCY)))
        frequent = [empty_collection(batches, f"No{label}", Packed) for label in ("Captions", "Images")]
        if captions is not None:
            find = FindFrequent(caption_digests, url_digests, captions, self.partitions)
            frequent[0] = batches | "FrequentCaptions" >> find
        if images is not None:
            frequent[1] = batches | "FrequentImages" >> FindImagesWithManyTexts(url_digests, images, self.partitions)
        side_inputs = [beam.pvalue.AsList(keys) for keys in frequent]
        return batches | "Drop" >> kept_and_rejected(beam.ParDo(_DropFrequent(self.settings), *side_inputs))


class _DropFrequent(beam.DoFn):
    def __init__(self, settings: FrequencyRules) -> None:
        self._rules: tuple[tuple[Digest, RejectReason, int | None], ...] = (
            (caption_digests, RejectReason.CAPTION_ON_TOO_MANY_IMAGES, settings.max_images_per_caption),
            (url_digests, RejectReason.IMAGE_WITH_TOO_MANY_CAPTIONS, settings.max_captions_per_image),
        )
        self._frequent = tuple(OncePerBundle(key_index) for _ in self._rules)

    def process(self, element: pa.RecordBatch, captions: list[bytes], images: list[bytes]) -> Iterator[object]:
        decision = Decision.keep_all(len(element))
        for (digest, reason, maximum), keys, frequent in zip(
            self._rules, (captions, images), self._frequent, strict=True
        ):
            if maximum is not None:
                is_frequent = frequent.of(keys).position_of(digest(element)) >= 0
                decision.reject(is_frequent, reason, values=f"more than {maximum}", threshold=maximum)
        kept, rejected = decision.split(element, Stage.FREQUENCY)
        yield from emit(Stage.FREQUENCY, len(element), [kept], [rejected])
