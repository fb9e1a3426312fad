"""Stage pair dedup: of the pairs that are the same, or nearly so, the one with the lowest uid survives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.dedup import DigestIndex
from babelsift.pipelines.core.lowest_per_digest import (
    Digest,
    LowestPerDigest,
    batch_row_keys,
    kept_rows,
    merge_packed_records,
    only_duplicated,
)
from babelsift.pipelines.core.pair_digests import (
    caption_digests,
    digests_of_urls,
    pair_digests,
    uid_digests,
    url_digests,
)
from babelsift.pipelines.core.stage_outputs import emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.stages.dedup.earlier_pairs import UID, URL, FindEarlier, plan_earlier
from babelsift.pipelines.stages.dedup.near_captions import FindNearCaptions, NearVerdicts, SelectCompared
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
    """Leaves out pairs of earlier datasets, then those that repeat another by url and caption, by url, or by caption.

    Where the settings ask for it, those whose caption is nearly another's go, too. Input and main output: batches with
    uid, url, caption, source_file, source_row. REJECTED: the others; their value is the survivor's uid, for captions
    that are nearly the same `<survivor's uid> at <Jaccard similarity>`, or what of them an earlier dataset has: the uid
    or the url.

    Attributes: partitions: how many parts the digests are merged in; results do not depend on it.
    """

    settings: DedupPairsSettings
    partitions: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.partitions < 1:
            raise ValueError(f"partitions should be at least 1, found {self.partitions}")
        self._earlier = plan_earlier(self.settings.earlier)

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Finds the rows of earlier datasets, the repeated digests among the others, then drops both at once."""
        by_uid, by_url = (beam.pvalue.AsList(self._find_earlier(batches, kind)) for kind in (UID, URL))
        fresh = batches
        if self._earlier:
            leave = beam.ParDo(_LeaveEarlier(self.settings.canonical_urls), by_uid, by_url)
            fresh = batches | "Fresh" >> leave.with_output_types(pa.RecordBatch)
        digest = pair_digest(self.settings)
        found = (
            fresh | "FindRepeated" >> LowestPerDigest(digest, self.partitions) | "Repeated" >> beam.Map(only_duplicated)
        )
        equal, near = (beam.pvalue.AsList(side) for side in self._find_near(fresh, found))
        drop = beam.ParDo(_DropLosers(self.settings, digest), beam.pvalue.AsList(found), by_uid, by_url, equal, near)
        return batches | "Drop" >> kept_and_rejected(drop)

    def _find_near(
        self, fresh: beam.PCollection[pa.RecordBatch], found: beam.PCollection[bytes]
    ) -> tuple[beam.PCollection[bytes], beam.PCollection[bytes]]:
        """Finds the repeated captions and the near ones among the rows that repeat no other."""
        settings = self.settings.near_captions
        if settings is None:
            nothing = fresh.pipeline | "NoNear" >> beam.Create([], reshuffle=False).with_output_types(bytes)
            return nothing, nothing
        select = beam.ParDo(SelectCompared(settings, pair_digest(self.settings)), beam.pvalue.AsList(found))
        compared = fresh | "Compared" >> select.with_output_types(pa.RecordBatch)
        return compared | "FindNear" >> FindNearCaptions(settings, self.partitions)

    def _find_earlier(self, batches: beam.PCollection[pa.RecordBatch], kind: str) -> beam.PCollection[bytes]:
        files = tuple(file for file in self._earlier if file.kind == kind)
        if not files:
            nothing = batches.pipeline | f"NoEarlier_{kind}" >> beam.Create([], reshuffle=False)
            return nothing | f"NoEarlierClaims_{kind}" >> beam.Map(bytes).with_output_types(bytes)
        canonical = self.settings.canonical_urls
        digest = uid_digests if kind == UID else partial(url_digests, canonical=canonical)
        partitions = self.partitions + sum(file.rows for file in files) // _ROWS_A_PARTITION
        find = FindEarlier(files, digest, partial(digests_of_urls, canonical=canonical), partitions)
        return batches | f"FindEarlier_{kind}" >> find


def pair_digest(settings: DedupPairsSettings) -> Digest:
    """Returns what makes two pairs the same, as RecordBatch -> digests."""
    canonical, normalise = settings.canonical_urls, settings.normalise_captions
    if settings.by == "url":
        return partial(url_digests, canonical=canonical)
    if settings.by == "caption":
        return partial(caption_digests, normalise=normalise)
    if canonical or normalise:
        return partial(pair_digests, canonical=canonical, normalise=normalise)
    return uid_digests


class _EarlierRows:
    """Which rows an earlier dataset has, by the digests that it shares with the input."""

    def __init__(self, by_uid: list[bytes], by_url: list[bytes], canonical: bool) -> None:
        self._uids, self._urls = (
            DigestIndex(merge_packed_records(shared)["digest"]) if shared else None for shared in (by_uid, by_url)
        )
        self._canonical = canonical

    def find(self, batch: pa.RecordBatch) -> tuple[np.ndarray, np.ndarray]:
        """Returns (bool[n] by uid, bool[n] by url)."""
        by_uid = by_url = np.zeros(len(batch), dtype=bool)
        if self._uids is not None:
            by_uid = self._uids.position_of(uid_digests(batch)) >= 0
        if self._urls is not None:
            by_url = self._urls.position_of(url_digests(batch, canonical=self._canonical)) >= 0
        return by_uid, by_url


class _LeaveEarlier(beam.DoFn):
    """Passes on the rows that no earlier dataset has: only they compete for survival."""

    def __init__(self, canonical: bool) -> None:
        self._canonical = canonical
        self._sides: object = None

    def process(self, element: pa.RecordBatch, by_uid: list[bytes], by_url: list[bytes]) -> Iterator[pa.RecordBatch]:
        if self._sides is not by_uid:
            self._sides, self._earlier = by_uid, _EarlierRows(by_uid, by_url, self._canonical)
        known = np.logical_or(*self._earlier.find(element))
        yield element.take(pa.array(np.flatnonzero(~known))) if known.any() else element


class _DropLosers(beam.DoFn):
    def __init__(self, settings: DedupPairsSettings, digest: Digest) -> None:
        self._settings = settings
        self._digest = digest
        self._sides: object = None

    def process(
        self,
        element: pa.RecordBatch,
        packed: list[bytes],
        by_uid: list[bytes],
        by_url: list[bytes],
        equal: list[bytes],
        near: list[bytes],
    ) -> Iterator[object]:
        if self._sides is not packed:  # the side inputs are the same objects for a whole bundle: unpack them once
            self._sides, self._survivors = packed, kept_rows(packed)
            self._earlier = _EarlierRows(by_uid, by_url, self._settings.canonical_urls)
            if self._settings.near_captions is not None:
                self._near = NearVerdicts(self._settings.near_captions, equal, near)
        decision = Decision.keep_all(len(element))
        for column, known in zip((UID, URL), self._earlier.find(element), strict=True):
            decision.reject(known, RejectReason.IN_EARLIER_DATASET, values=element.column(column))
        loses = self._survivors.duplicate_of(self._digest(element), batch_row_keys(element))
        rows = np.flatnonzero(loses >= 0)
        winners = self._survivors.records["uid"][loses[rows]]
        survivors, same_uid = np.full(len(element), None, dtype=object), np.zeros(len(element), dtype=bool)
        survivors[rows] = [winner.tobytes().hex() for winner in winners]
        same_uid[rows] = winners == uid_digests(element.take(pa.array(rows)))
        decision.reject(same_uid, RejectReason.DUPLICATE_PAIR, values=survivors)
        decision.reject(loses >= 0, _REASONS[self._settings.by], values=survivors)
        if self._settings.near_captions is not None:
            self._near.reject(element, decision)
        kept, rejected = decision.split(element, Stage.DEDUP_PAIRS)
        yield from emit(Stage.DEDUP_PAIRS, len(element), [kept], [rejected])
