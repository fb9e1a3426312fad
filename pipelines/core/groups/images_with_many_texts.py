"""The images that carry too many different texts from different pages or hosts, as what stands for anything does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa

from babelsift.pipelines.core.groups.frequent_keys import FindFrequent, key_index
from babelsift.pipelines.core.groups.lowest_per_digest import Digest
from babelsift.pipelines.core.groups.pair_digests import row_caption_digests, source_digests
from babelsift.pipelines.core.side_inputs import OncePerBundle
from babelsift.pipelines.core.transform import Transform


@dataclass
class FindImagesWithManyTexts(Transform):
    """Finds the images with more than `maximum` different texts, from more than as many different sources.

    The texts of one source row count once. A source is a page, as `page_url` says it where that is carried, and the
    registered domain that serves the image; where no page is known it is the row itself.

    Input: RecordBatches. Output: packed V16 arrays (bytes), the keys' digests, one a partition.

    Attributes:
        key: which image a row is of.
        maximum: texts that an image may have.
        partitions: see `LowestMembers`.
    """

    key: Digest
    maximum: int
    partitions: int

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[bytes]:
        """Counts texts, then the sources of the few images that have too many."""
        texts = batches | "Texts" >> FindFrequent(self.key, row_caption_digests, self.maximum, self.partitions)
        select = beam.ParDo(_RowsOf(self.key), beam.pvalue.AsList(texts)).with_output_types(pa.RecordBatch)
        # Shuffled, so that no runner fuses the step that waits for the texts with those that count them.
        rows = batches | "TooManyTexts" >> select | "Apart" >> beam.Reshuffle()
        return rows | "Sources" >> FindFrequent(self.key, source_digests, self.maximum, self.partitions)


class _RowsOf(beam.DoFn):
    """Yields the rows that have one of some keys."""

    def __init__(self, key: Digest) -> None:
        self._key = key
        self._index = OncePerBundle(key_index)

    def process(self, element: pa.RecordBatch, keys: list[bytes]) -> Iterator[pa.RecordBatch]:
        found = element.filter(pa.array(self._index.of(keys).position_of(self._key(element)) >= 0))
        if len(found):
            yield found
