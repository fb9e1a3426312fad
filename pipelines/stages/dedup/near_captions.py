"""Near-duplicate captions in Beam: candidates by MinHash buckets, each verified where both captions meet.

What crosses a shuffle: of each distinct caption its buckets (32 bytes each); of those that have a candidate uids and at
most 1024 characters, compressed (some 50 bytes, where the hashes of their shingles would be 450). Captions that are the
same are folded into their lowest uid before any comparison, so a million copies of one cost as much as one, and a
caption has a bounded number of candidates (see `filters.dedup.captions`), so a million variations of one template
cost as much as any million.

Who survives is decided in one place, from at most 8 links of 36 bytes each caption that has one: of the same order as
the verdicts, which every worker needs anyway.
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
    comparable_captions,
    distinct_pairs,
    lowest_links,
    max_differing_bits,
    minhash,
    near_caption_links,
    nearest_kept_captions,
    number_uids,
    shingle_sets,
)
from babelsift.filters.strings import DIGIT, LETTER, MARK, flatten
from babelsift.filters.uids import digests, uid_bytes
from babelsift.pipelines.core.batches import RecordBatchCoder, concat
from babelsift.pipelines.core.bundle_buffer import BundleBuffer
from babelsift.pipelines.core.lowest_per_digest import (
    Digest,
    LowestPerDigest,
    batch_row_keys,
    kept_rows,
    only_duplicated,
    split_sorted,
)
from babelsift.pipelines.core.transform import Transform
from babelsift.schemas import Decision, RejectReason
from babelsift.schemas.recipe import NearCaptions

COMPARED = "compared"
_IDENTITY = ["uid", "source_file", "source_row"]
_CODER = RecordBatchCoder()
_JOIN_PARTS = 4


@dataclass
class FindNearCaptions(Transform):
    """Finds captions that are nearly the same.

    Input: batches as `SelectCompared` makes them. Output: (packed digest records of the captions that several rows
    have, by the digest of their comparable form; packed CAPTION_LINK, one for each other caption that is left out).

    Attributes: partitions: how many parts the captions are compared in; results do not depend on it.
    """

    settings: NearCaptions
    partitions: int

    def expand(
        self, compared: beam.PCollection[pa.RecordBatch]
    ) -> tuple[beam.PCollection[bytes], beam.PCollection[bytes]]:
        """Folds equal captions, finds candidates, brings the sets of both ends together, and decides."""
        # A caption has as many buckets as there are bands, and candidates by the dozen: more parts keep each small.
        bucket_parts, parts = self.partitions * self.settings.banding[0], self.partitions * _JOIN_PARTS
        found = compared | "FindEqual" >> LowestPerDigest(compared_digests, self.partitions)
        equal = found | "Equal" >> beam.Map(only_duplicated)
        bucket = beam.ParDo(_Bucket(self.settings, bucket_parts), beam.pvalue.AsList(equal))
        pairs = (
            compared
            | "Bucket" >> bucket.with_output_types(tuple[int, bytes])
            | "GroupBuckets" >> beam.GroupByKey()
            | "Candidates" >> beam.FlatMap(pairs_in_buckets, self.settings, parts).with_output_types(tuple[int, bytes])
        )
        wanted = pairs | "Wanted" >> beam.Map(uids_of_pairs)
        pick = beam.ParDo(_PickCaptions(parts), beam.pvalue.AsList(wanted))
        captions = compared | "Captions" >> pick.with_output_types(tuple[int, bytes])
        half = beam.FlatMap(with_survivors, parts).with_output_types(tuple[int, tuple[bytes, bytes]])
        met = {"pairs": pairs, "captions": captions} | "MeetSurvivor" >> beam.CoGroupByKey() | "KeptRows" >> half
        near = (
            {"pairs": met, "captions": captions}
            | "MeetOther" >> beam.CoGroupByKey()
            | "Verify" >> beam.Map(verified_links, self.settings).with_output_types(bytes)
            | "Decide" >> beam.CombineGlobally(_Stars()).without_defaults()
        )
        return equal, near


class SelectCompared(beam.DoFn):
    """Yields what is compared of a batch: the rows that lose to no other, of enough characters, in comparable form.

    Output: batches with uid, source_file, source_row and `compared`.
    """

    def __init__(self, settings: NearCaptions, digest: Digest) -> None:
        self._settings = settings
        self._digest = digest
        self._side: object = None

    def process(self, element: pa.RecordBatch, repeated: list[bytes]) -> Iterator[pa.RecordBatch]:
        """Yields a batch where any row is left."""
        if self._side is not repeated:
            self._side, self._survivors = repeated, kept_rows(repeated)
        first = self._survivors.duplicate_of(self._digest(element), batch_row_keys(element)) < 0
        compared = comparable_captions(element.column("caption"))
        rows = np.flatnonzero(first & is_compared(compared, self._settings))
        if len(rows):
            columns = [*element.select(_IDENTITY).columns, compared]
            yield pa.RecordBatch.from_arrays(columns, names=[*_IDENTITY, COMPARED]).take(pa.array(rows))


class NearVerdicts:
    """What `FindNearCaptions` found, asked batch by batch."""

    def __init__(self, settings: NearCaptions, equal: list[bytes], near: list[bytes]) -> None:
        """Args: equal, near: the two outputs."""
        self._settings = settings
        self._equal = kept_rows(equal)
        self._links = np.frombuffer(b"".join(near), dtype=CAPTION_LINK)
        self._linked = DigestIndex(self._links["uid"])

    def reject(self, batch: pa.RecordBatch, decision: Decision) -> None:
        """Rejects the rows of a batch whose caption is nearly that of a survivor."""
        compared = comparable_captions(batch.column("caption"))
        follows = self._equal.duplicate_of(digests(compared), batch_row_keys(batch))
        uids = uid_bytes(batch.column("uid"))
        # A row with another row's caption shares that row's fate: it loses to it, or to what that row is near to.
        if len(self._equal.records):
            uids = np.where(follows >= 0, self._equal.records["uid"][follows], uids)
        near = self._linked.position_of(uids)
        out = ((follows >= 0) | (near >= 0)) & is_compared(compared, self._settings)
        shown = np.full(len(batch), None, dtype=object)
        for row in np.flatnonzero(out):
            link = self._links[near[row]] if near[row] >= 0 else None
            survivor, jaccard = (uids[row], 1.0) if link is None else (link["survivor"], link["jaccard"])
            shown[row] = f"{survivor.tobytes().hex()} at {jaccard:.4g}"
        threshold = self._settings.min_jaccard
        decision.reject(out, RejectReason.NEAR_DUPLICATE_CAPTION, values=shown, threshold=threshold)


def is_compared(compared: pa.Array, settings: NearCaptions) -> np.ndarray:
    """Returns bool[n]: whether a caption in comparable form has enough characters to be compared."""
    points = flatten(compared)
    return points.count(points.has(LETTER | MARK | DIGIT)) >= settings.min_characters


def compared_digests(batch: pa.RecordBatch) -> np.ndarray:
    """Returns S16[n], digests of the captions in comparable form."""
    return digests(batch.column(COMPARED))


def pairs_in_buckets(
    partition: tuple[int, Iterable[bytes]], settings: NearCaptions, partitions: int
) -> Iterator[tuple[int, bytes]]:
    """Yields (the survivor's partition, packed PAIRs) of the packed bucket entries of one (number, parts)."""
    entries = np.frombuffer(b"".join(partition[1]), dtype=BUCKET_ENTRY)
    max_differing = max_differing_bits(*settings.banding, min_jaccard=settings.min_jaccard)
    pairs = candidate_pairs(entries, max_differing=max_differing)
    for target, rows in split_sorted(pairs["survivor"], partitions):
        yield target, pairs[rows].tobytes()


def uids_of_pairs(pairs: tuple[int, bytes]) -> bytes:
    """Returns the different uids in packed pairs."""
    return number_uids(np.frombuffer(pairs[1], dtype="V16"))[0].tobytes()


def with_survivors(
    met: tuple[int, dict[str, Iterable[bytes]]], partitions: int
) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
    """Yields (the other's partition, (packed pairs, their survivors' captions packed, each once a partition))."""
    pairs = distinct_pairs(np.frombuffer(b"".join(met[1]["pairs"]), dtype=CAPTION_PAIR))
    uids, compared = unpack_captions(met[1]["captions"])
    _, numbers = number_uids(np.concatenate([uids, pairs["survivor"]]))
    position_of = np.empty(len(numbers), dtype=np.int64)
    position_of[numbers[: len(uids)]] = np.arange(len(uids))
    survivors = position_of[numbers[len(uids) :]]
    order = np.argsort(number_uids(pairs["uid"])[1], kind="stable")
    pairs, survivors = pairs[order], survivors[order]
    for target, rows in split_sorted(pairs["uid"], partitions):
        needed = np.unique(survivors[rows])
        yield target, (pairs[rows].tobytes(), pack_captions(uids[needed], compared.take(pa.array(needed))))


def verified_links(met: tuple[int, dict[str, Iterable[Any]]], settings: NearCaptions) -> bytes:
    """Returns packed CAPTION_LINKs: of each caption, some of the pairs that are as similar as asked for."""
    parts = list(met[1]["pairs"])
    pairs = np.frombuffer(b"".join(packed for packed, _ in parts), dtype=CAPTION_PAIR)
    uids, compared = unpack_captions([*(survivors for _, survivors in parts), *met[1]["captions"]])
    sets = shingle_sets(compared, ngram=settings.ngram)
    return lowest_links(near_caption_links(pairs, uids, sets, min_jaccard=settings.min_jaccard)).tobytes()


def pack_captions(uids: np.ndarray, compared: pa.Array) -> bytes:
    """Returns captions in comparable form and whose they are, V16[n], as bytes."""
    column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(uids), [None, pa.py_buffer(uids.tobytes())])
    return _CODER.encode(pa.RecordBatch.from_arrays([column, compared], names=["uid", COMPARED]))


def unpack_captions(packed: Iterable[bytes]) -> tuple[np.ndarray, pa.Array]:
    """Returns (V16[n] uids, large_string[n] captions) of what `pack_captions` packed, part after part."""
    batches = [_CODER.decode(part) for part in packed]
    if not batches:
        return np.empty(0, dtype="V16"), pa.array([], pa.large_string())
    whole = concat(batches)
    content = whole.column("uid").buffers()[1]
    return np.frombuffer(content, "V16", len(whole), 16 * whole.column("uid").offset), whole.column(COMPARED)


class _Bucket(BundleBuffer):
    """Yields the bucket entries of each distinct caption, packed a partition of the buckets."""

    def __init__(self, settings: NearCaptions, partitions: int) -> None:
        super().__init__(flush_at=32_768)
        self._settings = settings
        self._bands, self._rows_a_band = settings.banding
        self._partitions = partitions
        self._side: object = None

    def chunk_of(self, element: pa.RecordBatch, side_input: list[bytes]) -> np.ndarray:
        if self._side is not side_input:
            self._side, self._survivors = side_input, kept_rows(side_input)
        first = self._survivors.duplicate_of(compared_digests(element), batch_row_keys(element)) < 0
        distinct = element.take(pa.array(np.flatnonzero(first)))
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

    def __init__(self, partitions: int) -> None:
        super().__init__(flush_at=65_536)
        self._partitions = partitions
        self._side: object = None

    def chunk_of(self, element: pa.RecordBatch, side_input: list[bytes]) -> tuple[np.ndarray, pa.Array]:
        if self._side is not side_input:
            uids = np.frombuffer(b"".join(side_input), dtype="V16")
            self._side, self._wanted = side_input, DigestIndex(number_uids(uids)[0])
        uids = uid_bytes(element.column("uid"))
        rows = np.flatnonzero(self._wanted.position_of(uids) >= 0)
        compared = element.column(COMPARED).take(pa.array(rows))
        return uids[rows], pc.utf8_slice_codeunits(compared, 0, MAX_CHARACTERS)

    def by_partition(self, chunks: Sequence[tuple[np.ndarray, pa.Array]]) -> Iterator[tuple[int, bytes]]:
        uids = np.concatenate([uids for uids, _ in chunks])
        compared = pa.concat_arrays([captions for _, captions in chunks])
        order = np.argsort(number_uids(uids)[1])
        for partition, rows in split_sorted(uids[order], self._partitions):
            yield partition, pack_captions(uids[order[rows]], compared.take(pa.array(order[rows])))


class _Stars(beam.CombineFn):
    """Gathers the links and decides, as if in order of uid, who survives."""

    def create_accumulator(self) -> list[bytes]:
        return []

    def add_input(self, accumulator: list[bytes], element: bytes) -> list[bytes]:
        return [*accumulator, element] if element else accumulator

    def merge_accumulators(self, accumulators: Iterable[list[bytes]]) -> list[bytes]:
        return [part for accumulator in accumulators for part in accumulator]

    def extract_output(self, accumulator: list[bytes]) -> bytes:
        return nearest_kept_captions(np.frombuffer(b"".join(accumulator), dtype=CAPTION_LINK)).tobytes()
