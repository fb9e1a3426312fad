"""Stage frequency: captions on too many images and images with too many captions, which only the whole input shows.

An image is its URL here: nothing is downloaded yet. What crosses the shuffle is 32 bytes a row, combined before it is
grouped; see `babelsift.filters.counting.bottom_k` for why one caption on a million images is no burden.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.counting import MEMBERSHIP, keys_with_more_than
from babelsift.filters.dedup import DigestIndex
from babelsift.pipelines.core.bottom_k import LowestMembers
from babelsift.pipelines.core.lowest_per_digest import Digest
from babelsift.pipelines.core.pair_digests import caption_digests, url_digests
from babelsift.pipelines.core.stage_outputs import emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.schemas import Decision, RejectReason, Stage
from babelsift.schemas.recipe import FrequencyRules


@dataclass
class FilterFrequencies(Transform):
    """Leaves out pairs whose caption is on more images, or whose image has more captions, than allowed.

    Input and main output: batches with url and caption. REJECTED: the others; both rules count all of the input.

    Attributes: partitions: how many parts the counts are merged in; results do not depend on it.
    """

    settings: FrequencyRules
    partitions: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.partitions < 1:
            raise ValueError(f"partitions should be at least 1, found {self.partitions}")

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Finds what is too frequent by either rule, then drops both at once."""
        rules = (
            ("Captions", caption_digests, url_digests, self.settings.max_images_per_caption),
            ("Images", url_digests, caption_digests, self.settings.max_captions_per_image),
        )
        sides = []
        for label, key, member, maximum in rules:
            if maximum is None:
                found = batches.pipeline | f"No{label}" >> beam.Create([b""], reshuffle=False)
            else:
                found = batches | f"Frequent{label}" >> FindFrequent(key, member, maximum, self.partitions)
            sides.append(beam.pvalue.AsList(found))
        return batches | "Drop" >> kept_and_rejected(beam.ParDo(_DropFrequent(self.settings), *sides))


@dataclass
class FindFrequent(Transform):
    """Finds the keys that go with more than `maximum` different members.

    Input: RecordBatches. Output: packed V16 arrays (bytes), the keys' digests, one a partition.
    """

    key: Digest
    member: Digest
    maximum: int
    partitions: int

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[bytes]:
        """Merges memberships, then looks which keys have too many."""
        lowest = LowestMembers(self.key, self.member, self.maximum + 1, self.partitions)
        return batches | "Lowest" >> lowest | "TooMany" >> beam.Map(too_many, self.maximum)


def too_many(packed: bytes, maximum: int) -> bytes:
    """Returns the packed keys that have more than `maximum` of the packed, merged memberships."""
    return keys_with_more_than(np.frombuffer(packed, dtype=MEMBERSHIP), maximum).tobytes()


class _DropFrequent(beam.DoFn):
    def __init__(self, settings: FrequencyRules) -> None:
        self._settings = settings
        self._sides: object = None

    def process(self, element: pa.RecordBatch, captions: list[bytes], images: list[bytes]) -> Iterator[object]:
        if self._sides is not captions:  # the side inputs are the same objects for a whole bundle: sort them once
            self._sides = captions
            self._captions, self._images = (_index(side) for side in (captions, images))
        decision = Decision.keep_all(len(element))
        for index, digest, reason, maximum in (
            (
                self._captions,
                caption_digests,
                RejectReason.CAPTION_ON_TOO_MANY_IMAGES,
                self._settings.max_images_per_caption,
            ),
            (
                self._images,
                url_digests,
                RejectReason.IMAGE_WITH_TOO_MANY_CAPTIONS,
                self._settings.max_captions_per_image,
            ),
        ):
            if index is not None:
                found = index.position_of(digest(element)) >= 0
                decision.reject(found, reason, values=f"more than {maximum}", threshold=maximum)
        kept, rejected = decision.split(element, Stage.FREQUENCY)
        yield from emit(Stage.FREQUENCY, len(element), [kept], [rejected])


def _index(packed: list[bytes]) -> DigestIndex | None:
    content = b"".join(packed)
    return DigestIndex(np.unique(np.frombuffer(content, dtype="V16"))) if content else None
