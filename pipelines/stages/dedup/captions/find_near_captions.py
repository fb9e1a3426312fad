"""Near-duplicate captions in Beam: candidates by MinHash, each verified by the Jaccard similarity of its shingles.

1. Fold. Captions that are equal in comparable form are folded into their lowest uid, so that a million copies of one
   caption are compared as often as one.
2. Signature. Each distinct caption's shingles (`ngram` characters) get `bands` x `rows` minimal hashes.
3. Buckets. A band's rows make a bucket. Captions that share a bucket are candidates; their number a caption is bounded
   (see `babelsift.filters.dedup.captions`), so a million variations of one template cost as much as any million.
4. Verify. A candidate pair travels to the kept caption's partition, then with that caption to the other's, where both
   meet and their Jaccard similarity is measured. 1024 characters of a caption are compared.
5. Cluster. From at most 8 links a caption the greedy independent set is found, component by component: in order of uid,
   each caption that is linked to one that is kept is left out.
6. Unfold. A folded row shares the fate of the row that it is folded into: it is near to that, or to what that is near
   to.

Recall: captions of Jaccard similarity s share a bucket with probability 1 - (1 - s^rows)^bands. The defaults
(min_jaccard 0.8, 64 permutations, min_recall 0.95) give 10 bands of 6 rows: 0.9995 at 0.9, 0.95 at 0.8, 0.71 at 0.7,
0.15 at 0.5.

        captions --> compared --> buckets --> candidate pairs --> meet kept caption --> meet other --> links --> set
                 fold         32 bytes each               captions, compressed   captions again    36 bytes each

All captions cross a shuffle once, at some 50 bytes where their shingles' hashes would be 450; a second time they do
only with a candidate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.bytes16 import halves
from babelsift.filters.dedup import (
    BUCKET_ENTRY,
    CAPTION_LINK,
    CAPTION_PAIR,
    DIGEST_RECORD,
    MAX_CHARACTERS,
    DigestIndex,
    bucket_entries,
    candidate_pairs,
    distinct_pairs,
    lowest_links,
    max_differing_bits,
    minhash,
    near_caption_links,
    nearest_kept_captions,
    number_uids,
    shingle_sets,
)
from babelsift.filters.uids import uid_bytes
from babelsift.pipelines.core.bundle_buffer import BundleBuffer
from babelsift.pipelines.core.groups.co_group import CoGroup
from babelsift.pipelines.core.groups.decide_linked import DecideLinked
from babelsift.pipelines.core.groups.look_up import BATCHES, Answered, LookUp
from babelsift.pipelines.core.groups.lowest_per_digest import (
    LowestPerDigest,
    batch_row_keys,
    kept_rows,
    only_duplicated,
    slices_in_turn,
    split_sorted,
)
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.shuffled_pieces import MAX_SHUFFLED_BYTES
from babelsift.pipelines.core.side_inputs import OncePerBundle
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.stages.dedup.captions.compared_captions import (
    COMPARED,
    compared_digests,
    pack_captions,
    unpack_captions,
)
from babelsift.schemas.recipe import NearCaptions

_EQUAL, _DISTINCT, _FOLDED = "equal", "distinct", "folded"
_PAIRS, _OTHERS = "pairs", "others"
_JOIN_PARTITIONS = 16  # of captions, for each partition of digests: captions by the dozen meet their candidates there


@dataclass
class FindNearCaptions(Transform):
    """Finds captions that are nearly the same.

    Input: batches as `SelectCompared` makes them. Output: packed CAPTION_LINK arrays, one link for each row that is
    left out, to the row that is kept in its place; Jaccard 1 where that has the same caption in comparable form.

    Attributes:
        settings: how near, and how candidates are found.
        partitions: ranges of digests; results do not depend on how many.
    """

    settings: NearCaptions
    partitions: int

    def expand(self, compared: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[bytes]:
        """Folds equal captions, finds candidates, brings both ends of each pair together, and decides."""
        partitions = self.partitions * _JOIN_PARTITIONS
        equal = (
            compared
            | "FindEqual" >> LowestPerDigest(compared_digests, self.partitions)
            | "Equal" >> beam.Map(only_duplicated).with_output_types(Packed)
        )
        look_up = LookUp({_EQUAL: compared_digests}, {_EQUAL: DIGEST_RECORD}, self.partitions)
        fold = beam.ParDo(_Fold()).with_output_types(pa.RecordBatch, **{_FOLDED: Packed})
        asked = {BATCHES: compared, _EQUAL: equal} | "LookUpEqual" >> look_up
        distinct = asked | "Fold" >> fold.with_outputs(_FOLDED, main=_DISTINCT)
        near = (
            self._met_pairs(distinct[_DISTINCT], partitions)
            | "Verify" >> beam.Map(verified_links, self.settings).with_output_types(Packed)
            | "Decide" >> DecideLinked(nearest_kept_captions, CAPTION_LINK, self.partitions)
        )
        split = {
            "near": near | "SplitNear" >> beam.FlatMap(split_links, "uid", self.partitions),
            _FOLDED: distinct[_FOLDED] | "SplitFolded" >> beam.FlatMap(split_links, "survivor", self.partitions),
        }
        return split | "MeetFolded" >> CoGroup() | "Unfold" >> beam.Map(unfolded_links).with_output_types(Packed)

    def _met_pairs(
        self, distinct: beam.PCollection[pa.RecordBatch], partitions: int
    ) -> beam.PCollection[tuple[int, dict[str, list]]]:
        """Brings each candidate pair to its kept caption, then with that to the other one."""
        found = self._candidates(distinct, partitions)
        pairs, others = found[_PAIRS], found[_OTHERS]
        pack = beam.ParDo(_PackCaptions(partitions)).with_output_types(tuple[int, Packed])
        meet = {"pairs": pairs, "others": others, "captions": distinct | "Captions" >> pack} | "MeetKept" >> CoGroup()
        bring = beam.FlatMap(with_kept_captions, partitions).with_output_types(tuple[int, tuple[Packed, Packed]])
        captions = meet | "OtherCaptions" >> beam.FlatMap(other_captions).with_output_types(tuple[int, Packed])
        return {"pairs": meet | "KeptCaptions" >> bring, "captions": captions} | "MeetOther" >> CoGroup()

    def _candidates(self, distinct: beam.PCollection[pa.RecordBatch], partitions: int) -> beam.pvalue.DoOutputsTuple:
        # A caption has as many buckets as there are bands: as many more partitions keep each small.
        bucket = beam.ParDo(_Bucket(self.settings, self.partitions * self.settings.banding[0]))
        find = beam.FlatMap(pairs_in_buckets, self.settings, partitions)
        find = find.with_output_types(tuple[int, Packed], **{_OTHERS: tuple[int, Packed]})
        return (
            distinct
            | "Bucket" >> bucket.with_output_types(tuple[int, Packed])
            | "GroupBuckets" >> beam.GroupByKey()
            | "Candidates" >> find.with_outputs(_OTHERS, main=_PAIRS)
        )


def pairs_in_buckets(partition: tuple[int, Iterable[bytes]], settings: NearCaptions, partitions: int) -> Iterator[Any]:
    """Yields (partition of the lower uid, packed CAPTION_PAIRs) of one partition's packed bucket entries, and tagged
    what `others_of_pairs` makes of all of them: of each piece of pairs by itself there would be a piece a partition.
    """
    entries = np.frombuffer(b"".join(partition[1]), dtype=BUCKET_ENTRY)
    max_differing = max_differing_bits(*settings.banding, min_jaccard=settings.min_jaccard)
    pairs = candidate_pairs(entries, max_differing=max_differing)
    for target, rows in split_sorted(pairs["survivor"], partitions):
        yield target, pairs[rows].tobytes()
    for other in others_of_pairs(pairs, partitions):
        yield beam.pvalue.TaggedOutput(_OTHERS, other)


def others_of_pairs(pairs: np.ndarray, partitions: int) -> Iterator[tuple[int, bytes]]:
    """Yields (partition, packed uids) of the different higher uids in pairs, CAPTION_PAIR[n]."""
    uids, _ = number_uids(pairs["uid"])
    for target, rows in split_sorted(uids, partitions):
        yield target, uids[rows].tobytes()


def other_captions(group: tuple[int, dict[str, list[bytes]]]) -> Iterator[tuple[int, bytes]]:
    """Yields (partition, packed captions), of one partition's captions those that are the higher of a pair."""
    number, together = group
    uids, compared = unpack_captions(together["captions"])
    wanted, _ = number_uids(np.frombuffer(b"".join(together["others"]), dtype="V16"))
    rows = np.flatnonzero(DigestIndex(wanted).position_of(uids) >= 0)
    if len(rows):
        for packed in pack_captions(uids[rows], compared.take(pa.array(rows))):
            yield number, packed


def with_kept_captions(
    group: tuple[int, dict[str, Iterable[bytes]]], partitions: int
) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
    """Yields (partition of the higher uid, (packed pairs, captions of their lower uids, each once a partition))."""
    pairs = distinct_pairs(np.frombuffer(b"".join(group[1]["pairs"]), dtype=CAPTION_PAIR))
    uids, compared = unpack_captions(group[1]["captions"])
    _, numbers = number_uids(np.concatenate([uids, pairs["survivor"]]))
    row_of = np.empty(len(numbers), dtype=np.int64)
    row_of[numbers[: len(uids)]] = np.arange(len(uids))
    kept = row_of[numbers[len(uids) :]]
    order = np.argsort(number_uids(pairs["uid"])[1], kind="stable")
    pairs, kept = pairs[order], kept[order]
    for target, rows in split_sorted(pairs["uid"], partitions):
        needed = np.unique(kept[rows])
        yield target, (pairs[rows].tobytes(), b"")
        for packed in pack_captions(uids[needed], compared.take(pa.array(needed))):
            yield target, (b"", packed)


def verified_links(group: tuple[int, dict[str, Iterable[Any]]], settings: NearCaptions) -> bytes:
    """Returns packed CAPTION_LINKs: for each caption, the lowest uids to which it is as similar as asked for."""
    half_met = list(group[1]["pairs"])
    pairs = np.frombuffer(b"".join(packed for packed, _ in half_met), dtype=CAPTION_PAIR)
    uids, compared = unpack_captions([*(captions for _, captions in half_met if captions), *group[1]["captions"]])
    sets = shingle_sets(compared, ngram=settings.ngram)
    return lowest_links(near_caption_links(pairs, uids, sets, min_jaccard=settings.min_jaccard)).tobytes()


def split_links(packed: bytes, end: str, partitions: int) -> Iterator[tuple[int, bytes]]:
    """Yields (partition of their uid or survivor, packed CAPTION_LINKs)."""
    links = np.frombuffer(packed, CAPTION_LINK)
    links = links[np.argsort(halves(links[end])[0], kind="stable")]
    for partition, rows in split_sorted(links[end], partitions):
        yield partition, links[rows].tobytes()


def unfolded_links(group: tuple[int, dict[str, list[bytes]]]) -> bytes:
    """Returns the packed links of a partition: near ones as they are, those of folded rows to what is kept at last."""
    near, folded = (np.frombuffer(b"".join(group[1][name]), CAPTION_LINK) for name in ("near", _FOLDED))
    near, folded = near[np.argsort(number_uids(near["uid"])[1])], folded.copy()
    index = DigestIndex(near["uid"]).position_of(folded["survivor"])
    rows = np.flatnonzero(index >= 0)
    for name in ("survivor", "jaccard"):
        folded[name][rows] = near[name][index[rows]]
    return np.concatenate([near, folded]).tobytes()


class _Fold(beam.DoFn):
    """Yields the rows of distinct captions, and tagged the links of rows to those that they are folded into."""

    def __init__(self) -> None:
        self._kept = OncePerBundle(kept_rows)

    def process(self, element: Answered) -> Iterator[Any]:
        kept = self._kept.of(element.answers[_EQUAL])
        for batch in element.batches:
            uids = uid_bytes(batch.column("uid"))
            index = kept.duplicate_of(compared_digests(batch), batch_row_keys(batch), uids)
            if (is_folded := index >= 0).any():
                links = np.empty(np.count_nonzero(is_folded), CAPTION_LINK)
                links["uid"], links["survivor"] = uids[is_folded], kept.records["uid"][index[is_folded]]
                links["jaccard"] = 1.0
                yield beam.pvalue.TaggedOutput(_FOLDED, links.tobytes())
                batch = batch.filter(pa.array(~is_folded))
            if len(batch):
                yield batch


class _Bucket(BundleBuffer):
    """Yields the bucket entries of each distinct caption, packed a partition of the buckets."""

    def __init__(self, settings: NearCaptions, partitions: int, flush_at_rows: int = 131_072) -> None:
        super().__init__(flush_at_rows)
        self._settings = settings
        self._bands, self._rows_a_band = settings.banding
        self._partitions = partitions

    def chunk_of(self, element: pa.RecordBatch, side_input: Any) -> np.ndarray:
        sets = shingle_sets(element.column(COMPARED), ngram=self._settings.ngram)
        buckets, sketches = minhash(sets, bands=self._bands, rows=self._rows_a_band)
        return bucket_entries(buckets, sketches, uid_bytes(element.column("uid")))

    def by_partition(self, chunks: Sequence[np.ndarray]) -> Iterator[tuple[int, bytes]]:
        entries = np.concatenate(chunks)
        order = np.argsort(entries["bucket"])
        buckets = entries["bucket"][order]
        edges = np.arange(1, self._partitions, dtype=np.uint64) * np.uint64(2**64 // self._partitions)
        bounds = np.r_[0, np.searchsorted(buckets, edges), len(buckets)]
        for partition, rows in slices_in_turn(bounds.tolist(), MAX_SHUFFLED_BYTES // BUCKET_ENTRY.itemsize):
            yield partition, entries[order[rows]].tobytes()


class _PackCaptions(BundleBuffer):
    """Yields captions, as far as they are compared, packed a partition of their uids."""

    def __init__(self, partitions: int, flush_at_rows: int = 131_072) -> None:
        super().__init__(flush_at_rows)
        self._partitions = partitions

    def chunk_of(self, element: pa.RecordBatch, side_input: Any) -> tuple[np.ndarray, pa.Array]:
        return uid_bytes(element.column("uid")), pc.utf8_slice_codeunits(element.column(COMPARED), 0, MAX_CHARACTERS)

    def by_partition(self, chunks: Sequence[tuple[np.ndarray, pa.Array]]) -> Iterator[tuple[int, bytes]]:
        uids = np.concatenate([uids for uids, _ in chunks])
        compared = pa.concat_arrays([captions for _, captions in chunks])
        order = np.argsort(halves(uids)[0])
        for partition, rows in split_sorted(uids[order], self._partitions):
            for packed in pack_captions(uids[order[rows]], compared.take(pa.array(order[rows]))):
                yield partition, packed
