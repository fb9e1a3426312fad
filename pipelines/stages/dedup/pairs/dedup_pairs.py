"""Stage dedup_pairs: of equal pairs, or nearly equal captions, the one with the lowest uid is kept.

1. Earlier. Rows whose uid or URL an earlier dataset has are left out; only the others compete.
2. Equal. Of the rows with one digest (of URL and caption, of the URL, or of the caption) the lowest uid is kept.
3. Near. Where a recipe asks for it, of the captions that are left the near-duplicates go (see `dedup.captions`).
4. Drop. All three are decided in one pass over the input, in this order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.dedup import DigestIndex
from babelsift.pipelines.core.groups.lowest_per_digest import (
    Digest,
    LowestPerDigest,
    batch_row_keys,
    kept_rows,
    merge_packed_records,
    only_duplicated,
)
from babelsift.pipelines.core.groups.pair_digests import (
    caption_digests,
    digests_of_urls,
    pair_digests,
    uid_digests,
    url_digests,
)
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.side_inputs import OncePerBundle
from babelsift.pipelines.core.stage_outputs import emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform, empty_collection
from babelsift.pipelines.stages.dedup.captions import FindNearCaptions, NearVerdicts, SelectCompared
from babelsift.pipelines.stages.dedup.pairs.earlier_pairs import UID, URL, FindEarlier, plan_earlier
from babelsift.schemas import Decision, RejectReason, Stage
from babelsift.schemas.recipe import DedupPairsSettings

_REASONS = {
    "url_and_caption": RejectReason.DUPLICATE_PAIR,
    "url": RejectReason.DUPLICATE_URL,
    "caption": RejectReason.DUPLICATE_CAPTION,
}
_ROWS_A_PARTITION = 500_000


@dataclass
class DedupPairs(Transform):
    """Leaves out pairs of earlier datasets, then the duplicates of others by url and caption, by url, or by caption.

    Input and main output: batches with uid, url, caption, source_file, source_row. REJECTED: the others; value is the
    uid that is kept, for near-duplicate captions `<uid that is kept> at <Jaccard similarity>`, for pairs of an earlier
    dataset the uid or url that it has.

    Attributes:
        settings: what counts as a duplicate.
        partitions: ranges of digests; results do not depend on how many.
    """

    settings: DedupPairsSettings
    partitions: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        self._earlier = plan_earlier(self.settings.earlier)

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Finds rows of earlier datasets, equal rows and near captions, then drops them all at once."""
        by_uid, by_url = (beam.pvalue.AsList(self._find_earlier(batches, kind)) for kind in (UID, URL))
        fresh = batches
        if self._earlier:
            leave = beam.ParDo(_LeaveEarlier(self.settings.canonical_urls), by_uid, by_url)
            fresh = batches | "Fresh" >> leave.with_output_types(pa.RecordBatch)
        digest = pair_digest(self.settings)
        equal_pairs = (
            fresh
            | "FindEqual" >> LowestPerDigest(digest, self.partitions)
            | "Duplicated" >> beam.Map(only_duplicated).with_output_types(Packed)
        )
        duplicates = (equal_pairs, *self._find_near(fresh, equal_pairs))
        drop = beam.ParDo(_DropDuplicates(self.settings, digest), by_uid, by_url, *map(beam.pvalue.AsList, duplicates))
        return batches | "Drop" >> kept_and_rejected(drop)

    def _find_near(
        self, fresh: beam.PCollection[pa.RecordBatch], equal_pairs: beam.PCollection[bytes]
    ) -> tuple[beam.PCollection[bytes], beam.PCollection[bytes]]:
        """Finds equal captions and near ones among the rows that duplicate no other."""
        settings = self.settings.near_captions
        if settings is None:
            nothing = empty_collection(fresh, "NoNear", Packed)
            return nothing, nothing
        select = beam.ParDo(SelectCompared(settings, pair_digest(self.settings)), beam.pvalue.AsList(equal_pairs))
        compared = fresh | "Compared" >> select.with_output_types(pa.RecordBatch)
        return compared | "FindNear" >> FindNearCaptions(settings, self.partitions)

    def _find_earlier(self, batches: beam.PCollection[pa.RecordBatch], kind: str) -> beam.PCollection[bytes]:
        files = tuple(file for file in self._earlier if file.kind == kind)
        if not files:
            return empty_collection(batches, f"NoEarlier_{kind}", Packed)
        canonical = self.settings.canonical_urls
        digest = uid_digests if kind == UID else partial(url_digests, canonical=canonical)
        partitions = self.partitions + sum(file.rows for file in files) // _ROWS_A_PARTITION
        find = FindEarlier(files, digest, partial(digests_of_urls, canonical=canonical), partitions)
        return batches | f"FindEarlier_{kind}" >> find


def pair_digest(settings: DedupPairsSettings) -> Digest:
    """Returns what makes two pairs equal, as RecordBatch -> digests."""
    canonical, normalise = settings.canonical_urls, settings.normalise_captions
    if settings.by == "url":
        return partial(url_digests, canonical=canonical)
    if settings.by == "caption":
        return partial(caption_digests, normalise=normalise)
    if canonical or normalise:
        return partial(pair_digests, canonical=canonical, normalise=normalise)
    return uid_digests


class EarlierRows:
    """Looks up which rows an earlier dataset has.

    Args:
        canonical: whether URLs are compared in their canonical spelling.
        by_uid, by_url: packed digest records that the input shares with earlier datasets.
    """

    def __init__(self, canonical: bool, by_uid: Sequence[bytes], by_url: Sequence[bytes]) -> None:
        self._uids, self._urls = (
            DigestIndex(merge_packed_records(shared)["digest"]) if shared else None for shared in (by_uid, by_url)
        )
        self._canonical = canonical

    def are_known(self, batch: pa.RecordBatch) -> tuple[np.ndarray, np.ndarray]:
        """Returns (bool[n] by uid, bool[n] by url)."""
        by_uid = by_url = np.zeros(len(batch), dtype=bool)
        if self._uids is not None:
            by_uid = self._uids.position_of(uid_digests(batch)) >= 0
        if self._urls is not None:
            by_url = self._urls.position_of(url_digests(batch, canonical=self._canonical)) >= 0
        return by_uid, by_url


class _LeaveEarlier(beam.DoFn):
    """Passes on the rows that no earlier dataset has: they alone compete to be kept."""

    def __init__(self, canonical: bool) -> None:
        self._earlier = OncePerBundle(partial(EarlierRows, canonical))

    def process(self, element: pa.RecordBatch, by_uid: list[bytes], by_url: list[bytes]) -> Iterator[pa.RecordBatch]:
        is_known = np.logical_or(*self._earlier.of(by_uid, by_url).are_known(element))
        yield element.take(pa.array(np.flatnonzero(~is_known))) if is_known.any() else element


class _DropDuplicates(beam.DoFn):
    def __init__(self, settings: DedupPairsSettings, digest: Digest) -> None:
        self._settings = settings
        self._digest = digest
        self._earlier = OncePerBundle(partial(EarlierRows, settings.canonical_urls))
        self._kept = OncePerBundle(kept_rows)
        near = settings.near_captions
        self._near = None if near is None else OncePerBundle(partial(NearVerdicts, near))

    def process(
        self,
        element: pa.RecordBatch,
        by_uid: list[bytes],
        by_url: list[bytes],
        equal_pairs: list[bytes],
        equal_captions: list[bytes],
        near_captions: list[bytes],
    ) -> Iterator[object]:
        decision = Decision.keep_all(len(element))
        for column, is_known in zip((UID, URL), self._earlier.of(by_uid, by_url).are_known(element), strict=True):
            decision.reject(is_known, RejectReason.IN_EARLIER_DATASET, values=element.column(column))
        self._reject_equal(element, equal_pairs, decision)
        if self._near is not None:
            self._near.of(equal_captions, near_captions).reject(element, decision)
        kept, rejected = decision.split(element, Stage.DEDUP_PAIRS)
        yield from emit(Stage.DEDUP_PAIRS, len(element), [kept], [rejected])

    def _reject_equal(self, batch: pa.RecordBatch, equal_pairs: list[bytes], decision: Decision) -> None:
        kept = self._kept.of(equal_pairs)
        # Several pairs of one row share its key, and differ by their uids.
        index = kept.duplicate_of(self._digest(batch), batch_row_keys(batch), uid_digests(batch))
        rows = np.flatnonzero(index >= 0)
        uids = kept.records["uid"][index[rows]]
        kept_uids, is_same_pair = np.full(len(batch), None, dtype=object), np.zeros(len(batch), dtype=bool)
        kept_uids[rows] = [uid.tobytes().hex() for uid in uids]
        is_same_pair[rows] = uids == uid_digests(batch.take(pa.array(rows)))
        decision.reject(is_same_pair, RejectReason.DUPLICATE_PAIR, values=kept_uids)
        decision.reject(index >= 0, _REASONS[self._settings.by], values=kept_uids)
