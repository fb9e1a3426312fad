"""Stage dedup_pairs: of equal pairs, or nearly equal captions, the one with the lowest uid is kept.

1. Earlier. Rows whose uid or URL an earlier dataset has are left out; only the others compete.
2. Equal. Of the rows with one digest (of URL and caption, of the URL, or of the caption) the lowest uid is kept.
3. Near. Where a recipe asks for it, of the captions that are left the near-duplicates go (see `dedup.captions`).
4. Drop. All three are decided in one pass over the input, in this order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.dedup import CAPTION_LINK, DIGEST_RECORD, DigestIndex
from babelsift.pipelines.core.groups.look_up import BATCHES, Answered, LookUp
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
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.stages.dedup.captions import EQUAL_PAIRS, FindNearCaptions, NearVerdicts, SelectCompared
from babelsift.pipelines.stages.dedup.pairs.earlier_pairs import UID, URL, EarlierFile, FindEarlier, plan_earlier
from babelsift.schemas import Decision, RejectReason, Stage
from babelsift.schemas.recipe import DedupPairsSettings, NearCaptions

_REASONS = {
    "url_and_caption": RejectReason.DUPLICATE_PAIR,
    "url": RejectReason.DUPLICATE_URL,
    "caption": RejectReason.DUPLICATE_CAPTION,
}
_ROWS_A_PARTITION = 500_000
_NEAR = "near_captions"  # a table, as UID, URL and EQUAL_PAIRS are
_NOTHING: list[bytes] = []


@dataclass
class DedupPairs(Transform):
    """Leaves out pairs of earlier datasets, then the duplicates of others by url and caption, by url, or by caption.

    Input and main output: batches with uid, url, caption, source_file, source_row. REJECTED: the others; value is the
    uid that is kept, for near-duplicate captions `<uid that is kept> at <Jaccard similarity>`, for pairs of an earlier
    dataset the uid or url that it has.

    Attributes:
        settings: what counts as a duplicate.
        partitions: ranges of digests, one for half a million rows or so; results do not depend on it.
    """

    settings: DedupPairsSettings
    partitions: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._earlier = plan_earlier(self.settings.earlier)

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Finds rows of earlier datasets, equal rows and near captions, then drops them all at once."""
        tables: dict[str, beam.PCollection[bytes]] = {
            kind: self._find_earlier(batches, kind, files) for kind, files in self._earlier_of_kind().items()
        }
        fresh = batches
        if tables:
            leave = beam.ParDo(_LeaveEarlier(self.settings.canonical_urls))
            fresh = self._look_up(batches, tables, "LookUpEarlier") | "Fresh" >> leave.with_output_types(pa.RecordBatch)
        digest = pair_digest(self.settings)
        tables[EQUAL_PAIRS] = (
            fresh
            | "FindEqual" >> LowestPerDigest(digest, self.partitions)
            | "Duplicated" >> beam.Map(only_duplicated).with_output_types(Packed)
        )
        if self.settings.near_captions is not None:
            tables[_NEAR] = self._find_near(fresh, tables[EQUAL_PAIRS], self.settings.near_captions)
        drop = beam.ParDo(_DropDuplicates(self.settings, digest))
        return self._look_up(batches, tables, "LookUp") | "Drop" >> kept_and_rejected(drop)

    def _find_near(
        self, fresh: beam.PCollection[pa.RecordBatch], equal_pairs: beam.PCollection[bytes], settings: NearCaptions
    ) -> beam.PCollection[bytes]:
        """Finds equal captions and near ones among the rows that duplicate no other."""
        select = beam.ParDo(SelectCompared(settings, pair_digest(self.settings))).with_output_types(pa.RecordBatch)
        compared = self._look_up(fresh, {EQUAL_PAIRS: equal_pairs}, "LookUpEqual") | "Compared" >> select
        return compared | "FindNear" >> FindNearCaptions(settings, self.partitions)

    def _look_up(
        self, batches: beam.PCollection[pa.RecordBatch], tables: Mapping[str, beam.PCollection[bytes]], label: str
    ) -> beam.PCollection[Answered]:
        """Brings to batches the records of tables, by names of which their keys and their types follow."""
        keys: dict[str, Digest] = {
            UID: uid_digests,
            URL: partial(url_digests, canonical=self.settings.canonical_urls),
            EQUAL_PAIRS: pair_digest(self.settings),
            _NEAR: uid_digests,
        }
        records = {name: CAPTION_LINK if name == _NEAR else DIGEST_RECORD for name in tables}
        look_up = LookUp({name: keys[name] for name in tables}, records, self.partitions)
        return {BATCHES: batches, **tables} | label >> look_up

    def _earlier_of_kind(self) -> dict[str, tuple[EarlierFile, ...]]:
        files = {kind: tuple(file for file in self._earlier if file.kind == kind) for kind in (UID, URL)}
        return {kind: of_kind for kind, of_kind in files.items() if of_kind}

    def _find_earlier(
        self, batches: beam.PCollection[pa.RecordBatch], kind: str, files: tuple[EarlierFile, ...]
    ) -> beam.PCollection[bytes]:
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

    def process(self, element: Answered) -> Iterator[pa.RecordBatch]:
        earlier = self._earlier.of(*(element.answers.get(kind, _NOTHING) for kind in (UID, URL)))
        for batch in element.batches:
            is_known = np.logical_or(*earlier.are_known(batch))
            yield batch.take(pa.array(np.flatnonzero(~is_known))) if is_known.any() else batch


class _DropDuplicates(beam.DoFn):
    def __init__(self, settings: DedupPairsSettings, digest: Digest) -> None:
        self._settings = settings
        self._digest = digest
        self._earlier = OncePerBundle(partial(EarlierRows, settings.canonical_urls))
        self._kept = OncePerBundle(kept_rows)
        near = settings.near_captions
        self._near = None if near is None else OncePerBundle(partial(NearVerdicts, near))

    def process(self, element: Answered) -> Iterator[object]:
        earlier = self._earlier.of(*(element.answers.get(kind, _NOTHING) for kind in (UID, URL)))
        for batch in element.batches:
            decision = Decision.keep_all(len(batch))
            for column, is_known in zip((UID, URL), earlier.are_known(batch), strict=True):
                decision.reject(is_known, RejectReason.IN_EARLIER_DATASET, values=batch.column(column))
            self._reject_equal(batch, element.answers[EQUAL_PAIRS], decision)
            if self._near is not None:
                self._near.of(element.answers[_NEAR]).reject(batch, decision)
            kept, rejected = decision.split(batch, Stage.DEDUP_PAIRS)
            yield from emit(Stage.DEDUP_PAIRS, len(batch), [kept], [rejected])

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
