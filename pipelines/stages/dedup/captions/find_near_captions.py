"""Near-duplicate captions in Beam: candidates by MinHash, each verified by the Jaccard similarity of its shingles.

1. Fold. Captions that are equal in comparable form are folded into their lowest uid, so that a million copies of one
   caption are compared as often as one.
2. Signature. Each distinct caption's shingles (`ngram` characters) get `bands` x `rows` minimal hashes.
3. Buckets. A band's rows make a bucket. Captions that share a bucket are candidates; their number a caption is bounded
   (see `babelsift.filters.dedup.captions`), so a million variations of one template cost as much as any million.
4. Verify. A candidate pair travels to the kept caption's partition, then with that caption to the other's, where both
   meet and their Jaccard similarity is measured. 1024 characters of a caption are compared.
5. Cluster. In one place, from at most 8 links a caption, the greedy independent set is found: in order of uid, each
   caption that is linked to one that is kept is left out.
6. Filter. `NearVerdicts` looks up each row, and its lowest uid's links where its caption was folded.

Recall: captions of Jaccard similarity s share a bucket with probability 1 - (1 - s^rows)^bands. The defaults
(min_jaccard 0.8, 64 permutations, min_recall 0.95) give 10 bands of 6 rows: 0.9995 at 0.9, 0.95 at 0.8, 0.71 at 0.7,
0.15 at 0.5.

        captions --> compared --> buckets --> candidate pairs --> meet kept caption --> meet other --> links --> set
                 fold         32 bytes each               uids alone         captions, compressed    36 bytes each

A caption crosses a shuffle only if it has a candidate, at some 50 bytes where its shingles' hashes would be 450.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.dedup import (
    BUCKET_ENTRY,
    CAPTION_LINK,
    CAPTION_PAIR,
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
from babelsift.pipelines.core.groups.lowest_per_digest import (
    LowestPerDigest,
    batch_row_keys,
    kept_rows,
    only_duplicated,
    split_sorted,
)
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.side_inputs import OncePerBundle
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.stages.dedup.captions.compared_captions import (
    COMPARED,
    compared_digests,
    pack_captions,
    unpack_captions,
)
from babelsift.schemas.recipe import NearCaptions

_JOIN_PARTITIONS = 16  # of captions, for each partition of digests: captions by the dozen meet their candidates there


@dataclass
class FindNearCaptions(Transform):
    """Finds captions that are nearly the same.

    Input: batches as `SelectCompared` makes them. Output: what `NearVerdicts` takes: (packed digest records of the
    captions that several rows have, by the digest of their comparable form; packed CAPTION_LINK arrays, one link for
    each other caption that is left out).

    Attributes:
        settings: how near, and how candidates are found.
        partitions: ranges of digests; results do not depend on how many.
    """

    settings: NearCaptions
    partitions: int

    def expand(
        self, compared: beam.PCollection[pa.RecordBatch]
    ) -> tuple[beam.PCollection[bytes], beam.PCollection[bytes]]:
        """Folds equal captions, finds candidates, brings both ends of each pair together, and decides."""
        partitions = self.partitions * _JOIN_PARTITIONS
        equal = (
            compared
            | "FindEqual" >> LowestPerDigest(compared_digests, self.partitions)
            | "Equal" >> beam.Map(only_duplicated).with_output_types(Packed)
        )
        pairs = self._candidates(compared, equal, partitions)
        uids = pairs | "Wanted" >> beam.Map(uids_of_pairs).with_output_types(Packed)
        pick = beam.ParDo(_PickCaptions(partitions), beam.pvalue.AsList(uids))
        captions = compared | "Captions" >> pick.with_output_types(tuple[int, Packed])
        bring = beam.FlatMap(with_kept_captions, partitions).with_output_types(tuple[int, tuple[Packed, Packed]])
        half_met = {"pairs": pairs, "captions": captions} | "MeetKept" >> CoGroup() | "KeptCaptions" >> bring
        near = (
            {"pairs": half_met, "captions": captions}
            | "MeetOther" >> CoGroup()
            | "Verify" >> beam.Map(verified_links, self.settings).with_output_types(Packed)
            | "Decide" >> beam.CombineGlobally(_IndependentSet()).without_defaults().with_output_types(Packed)
        )
        return equal, near

    def _candidates(
        self, compared: beam.PCollection[pa.RecordBatch], equal: beam.PCollection[bytes], partitions: int
    ) -> beam.PCollection[tuple[int, bytes]]:
        # A caption has as many buckets as there are bands: as many more partitions keep each small.
        bucket = beam.ParDo(
            _Bucket(self.settings, self.partitions * self.settings.banding[0]), beam.pvalue.AsList(equal)
        )
        find = beam.FlatMap(pairs_in_buckets, self.settings, partitions)
        return (
            compared
            | "Bucket" >> bucket.with_output_types(tuple[int, Packed])
            | "GroupBuckets" >> beam.GroupByKey()
            | "Candidates" >> find.with_output_types(tuple[int, Packed])
        )


def pairs_in_buckets(
    partition: tuple[int, Iterable[bytes]], settings: NearCaptions, partitions: int
) -> Iterator[tuple[int, bytes]]:
    """Yields (partition of the lower uid, packed CAPTION_PAIRs) of one partition's packed bucket entries."""
    entries = np.frombuffer(b"".join(partition[1]), dtype=BUCKET_ENTRY)
    max_differing = max_differing_bits(*settings.banding, min_jaccard=settings.min_jaccard)
    pairs = candidate_pairs(entries, max_differing=max_differing)
    for target, rows in split_sorted(pairs["survivor"], partitions):
        yield target, pairs[rows].tobytes()


def uids_of_pairs(pairs: tuple[int, bytes]) -> bytes:
    """Returns the different uids in packed pairs."""
    return number_uids(np.frombuffer(pairs[1], dtype="V16"))[0].tobytes()


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
        yield target, (pairs[rows].tobytes(), pack_captions(uids[needed], compared.take(pa.array(needed))))


def verified_links(group: tuple[int, dict[str, Iterable[Any]]], settings: NearCaptions) -> bytes:
    """Returns packed CAPTION_LINKs: for each caption, the lowest uids to which it is as similar as asked for."""
    half_met = list(group[1]["pairs"])
    pairs = np.frombuffer(b"".join(packed for packed, _ in half_met), dtype=CAPTION_PAIR)
    uids, compared = unpack_captions([*(captions for _, captions in half_met), *group[1]["captions"]])
    sets = shingle_sets(compared, ngram=settings.ngram)
    return lowest_links(near_caption_links(pairs, uids, sets, min_jaccard=settings.min_jaccard)).tobytes()


class _Bucket(BundleBuffer):
    """Yields the bucket entries of each distinct caption, packed a partition of the buckets."""

    def __init__(self, settings: NearCaptions, partitions: int, flush_at_rows: int = 32_768) -> None:
        super().__init__(flush_at_rows)
        self._settings = settings
        self._bands, self._rows_a_band = settings.banding
        self._partitions = partitions
        self._kept = OncePerBundle(kept_rows)

    def chunk_of(self, element: pa.RecordBatch, side_input: list[bytes]) -> np.ndarray:
        kept, uids = self._kept.of(side_input), uid_bytes(element.column("uid"))
        is_kept = kept.duplicate_of(compared_digests(element), batch_row_keys(element), uids) < 0
        distinct = element.take(pa.array(np.flatnonzero(is_kept)))
        sets = shingle_sets(distinct.column(COMPARED), ngram=self._settings.ngram)
        buckets, sketches = minhash(sets, bands=self._bands, rows=self._rows_a_band)
        return bucket_entries(buckets, sketches, uid_bytes(distinct.column("uid")))

    def by_partition(self, chunks: Sequence[np.ndarray]) -> Iterator[tuple[int, bytes]]:
        entries = np.concatenate(chunks)
        order = np.argsort(entries["bucket"])
        buckets = entries["bucket"][order]
        edges = np.arange(1, self._partitions, dtype=np.uint64) * np.uint64(2**64 // self._partitions)
        bounds = np.r_[0, np.searchsorted(buckets, edges), len(buckets)]
        for partition in np.flatnonzero(np.diff(bounds)):
            yield int(partition), entries[order[bounds[partition] : bounds[partition + 1]]].tobytes()


class _PickCaptions(BundleBuffer):
    """Yields the captions that have a candidate, as far as they are compared, packed a partition of their uids."""

    def __init__(self, partitions: int, flush_at_rows: int = 65_536) -> None:
        super().__init__(flush_at_rows)
        self._partitions = partitions
        self._candidates = OncePerBundle(uid_index)

    def chunk_of(self, element: pa.RecordBatch, side_input: list[bytes]) -> tuple[np.ndarray, pa.Array]:
        uids = uid_bytes(element.column("uid"))
        rows = np.flatnonzero(self._candidates.of(side_input).position_of(uids) >= 0)
        compared = element.column(COMPARED).take(pa.array(rows))
        return uids[rows], pc.utf8_slice_codeunits(compared, 0, MAX_CHARACTERS)

    def by_partition(self, chunks: Sequence[tuple[np.ndarray, pa.Array]]) -> Iterator[tuple[int, bytes]]:
        uids = np.concatenate([uids for uids, _ in chunks])
        compared = pa.concat_arrays([captions for _, captions in chunks])
        order = np.argsort(number_uids(uids)[1])
        for partition, rows in split_sorted(uids[order], self._partitions):
            yield partition, pack_captions(uids[order[rows]], compared.take(pa.array(order[rows])))


def uid_index(packed: Iterable[bytes]) -> DigestIndex:
    """Returns an index of the different uids in packed V16 arrays."""
    return DigestIndex(number_uids(np.frombuffer(b"".join(packed), dtype="V16"))[0])


class _IndependentSet(beam.CombineFn):
    """Gathers all links and decides, as if in order of uid, which captions are left out."""

    def create_accumulator(self) -> list[bytes]:
        return []

    def add_input(self, accumulator: list[bytes], element: bytes) -> list[bytes]:
        return [*accumulator, element] if element else accumulator

    def merge_accumulators(self, accumulators: Iterable[list[bytes]]) -> list[bytes]:
        return [links for accumulator in accumulators for links in accumulator]

    def extract_output(self, accumulator: list[bytes]) -> bytes:
        return nearest_kept_captions(np.frombuffer(b"".join(accumulator), dtype=CAPTION_LINK)).tobytes()
