"""One to one in a document: each image with one of its texts, each text with one image, by similarity, as MMC4 does.

1. Candidates. Of each pair its document, image, text, uid and similarity go to the document's partition: 80 bytes.
2. Match. Each document is matched by itself; see `filters.selection.match_one_to_one`.
3. Return. The matched uids go back to the staging shard of their image, where they meet the rows again.

So no worker holds more than a partition of candidates, or the rows of a staging shard, and the pairs of an image stay
in one batch. Pairs of no document are not matched, and stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.bytes16 import halves
from babelsift.filters.selection import ScoreChoice, match_one_to_one
from babelsift.filters.uids import digests, uid_bytes
from babelsift.pipelines.core.groups.co_group import CoGroup
from babelsift.pipelines.core.groups.frequent_keys import key_index
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.shuffled_pieces import array_pieces
from babelsift.pipelines.core.split_by_partition import SplitByPartition
from babelsift.pipelines.core.stage_outputs import emit_step, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.staging.gather_shards import staging_shards
from babelsift.schemas import Decision, RejectReason, Stage

DOCUMENT = "document"  # the carried column that says which document an image is of
_CANDIDATE = np.dtype(
    [("document", "V16"), ("image", "V16"), ("text", "V16"), ("uid", "V16"), ("score", "<f4"), ("shard", "<i4")]
)
_MATCHED, _ROWS = "matched", "rows"


@dataclass
class MatchDocuments(Transform):
    """Keeps the pairs of a document that are matched.

    Input and main output: batches with DOWNLOAD_SCHEMA's columns, similarities and `document`, all pairs of an image in
    one. REJECTED: the others; value is the similarity.

    Attributes:
        scores: the model whose similarity counts.
        partitions: of documents; results do not depend on how many.
        is_last: whether what is kept has come through the stage, so that it is counted.
    """

    scores: ScoreChoice
    partitions: int
    is_last: bool = True

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Matches the candidates, and joins what is matched to the rows."""
        candidates = beam.FlatMap(candidates_by_partition, self.scores, self.partitions)
        matched = (
            batches
            | "Candidates" >> candidates.with_output_types(tuple[int, Packed])
            | "GroupDocuments" >> beam.GroupByKey()
            | "Match" >> beam.FlatMapTuple(matched_by_shard).with_output_types(tuple[int, Packed])
        )
        split = beam.ParDo(SplitByPartition(staging_shards)).with_output_types(tuple[int, pa.RecordBatch])
        joined = {_ROWS: batches | "Split" >> split, _MATCHED: matched} | "Join" >> CoGroup()
        return joined | "Keep" >> kept_and_rejected(beam.ParDo(_KeepMatched(self.scores, self.is_last)))


def candidates_by_partition(batch: pa.RecordBatch, scores: ScoreChoice, partitions: int) -> Iterator[tuple[int, bytes]]:
    """Yields (partition, its packed candidates) of a batch's pairs that are of a document."""
    rows = batch.filter(batch.column(DOCUMENT).is_valid())
    found = np.zeros(len(rows), _CANDIDATE)
    found["document"] = digests(_documents(rows)).view("V16")
    keys = pc.cast(rows.column("staging_shard"), pa.string()), rows.column("key")
    found["image"] = digests(*keys).view("V16")
    found["text"] = digests(rows.column("caption")).view("V16")
    found["uid"] = uid_bytes(rows.column("uid"))
    found["score"] = scores.scores(rows)
    found["shard"] = staging_shards(rows)
    partition = halves(found["document"])[0] % np.uint64(partitions)
    for number in np.unique(partition):
        for piece in array_pieces(found[partition == number]):
            yield int(number), piece.tobytes()


def _documents(rows: pa.RecordBatch) -> pa.Array:
    column = rows.column(DOCUMENT)
    return column if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) else column.cast("string")


def matched_by_shard(partition: int, packed: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yields (staging shard, the packed uids of the pairs that are matched) of a partition's candidates."""
    found = np.frombuffer(b"".join(packed), _CANDIDATE)
    names = {name: _ranks(found[name]) for name in ("document", "image", "text", "uid")}
    matched = found[match_one_to_one(names["document"], names["image"], names["text"], found["score"], names["uid"])]
    for shard in np.unique(matched["shard"]):
        for piece in array_pieces(matched["uid"][matched["shard"] == shard]):
            yield int(shard), piece.tobytes()


def _ranks(values: np.ndarray) -> np.ndarray:
    """Returns int64[n], the rank of each of the 16-byte values among the different ones."""
    high, low = halves(np.ascontiguousarray(values))
    order = np.lexsort((low, high))
    is_new = np.append(False, (np.diff(high[order]) != 0) | (np.diff(low[order]) != 0))[: len(order)]
    ranks = np.empty(len(values), np.int64)
    ranks[order] = np.cumsum(is_new)
    return ranks


class _KeepMatched(beam.DoFn):
    def __init__(self, scores: ScoreChoice, is_last: bool) -> None:
        self._scores, self._is_last = scores, is_last

    def process(self, element: tuple[int, Mapping[str, Iterable]]) -> Iterator[object]:
        _, joined = element
        matched = key_index(joined[_MATCHED])
        for batch in joined[_ROWS]:
            decision = Decision.keep_all(len(batch))
            is_matched = matched.position_of(uid_bytes(batch.column("uid"))) >= 0
            of_document = batch.column(DOCUMENT).is_valid().to_numpy(zero_copy_only=False)
            reason = RejectReason.NOT_MATCHED_IN_DOCUMENT
            decision.reject(of_document & ~is_matched, reason, values=pa.array(self._scores.scores(batch)))
            kept, rejected = decision.split(batch, Stage.SELECT)
            yield from emit_step(Stage.SELECT, kept, [rejected], is_last=self._is_last)
