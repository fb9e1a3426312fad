"""Stage image dedup: images with equal bytes or pixels, then images whose perceptual hashes are near.

Rows of one perceptual hash are folded into the one that would survive before any comparison, so a million copies of one
image cost as much as one. Images with too little structure (blank, a gradient) are never merged by hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import apache_beam as beam
import numpy as np
import pyarrow as pa

from filters.dedup import LINK, DigestIndex, bands_for, position_of
from filters.identity import uid_bytes
from pipelines.batches import REJECTED, emit
from pipelines.dedup_pairs import only_repeated
from pipelines.earlier_images import ReadEarlierImages, plan_earlier_images
from pipelines.first_of_each import FirstOfEach, unpack
from pipelines.image_hashes import (
    BEFORE,
    content_digests,
    has_structure,
    hash_rows,
    hashed_records,
    phash_digests,
    ranks_of,
)
from pipelines.near_images import FindNear, MergeLinks
from schemas import Decision, RejectReason, Stage
from schemas.duplicates import DUPLICATES_SCHEMA
from schemas.recipe import DedupImagesSettings

DUPLICATES = "duplicates"  # the tag of a further output: rows of DUPLICATES_SCHEMA, one a rejected image
_ROWS_A_PARTITION = 500_000
# Hashes of crops are many, and stay apart in more parts; without them few parts spare journeys.
_PARTS_WITH_CROPS, _PARTITIONS_A_PART = 4, 8


@dataclass
class DedupImages(beam.PTransform):
    """Leaves out images that repeat another, of this run or of an earlier one.

    Input and main output: batches with DOWNLOAD_SCHEMA's columns, no uid twice. REJECTED: the others; value is
    `<survivor's uid>` or `<survivor's uid> at <distance> bits`, threshold the radius. DUPLICATES: who survived them.

    Attributes: partitions: how many parts the digests are compared in; results do not depend on it. rows: about how
        many rows there will be: large tables are compared by wider bands.
    """

    settings: DedupImagesSettings
    partitions: int = 64
    rows: int = 0

    def __post_init__(self) -> None:
        super().__init__()
        if self.partitions < 1:
            raise ValueError(f"partitions should be at least 1, found {self.partitions}")
        self._earlier = plan_earlier_images(self.settings.earlier)

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Finds equal content, equal hashes and near ones, and drops all at once."""
        nothing = batches.pipeline | "Nothing" >> beam.Create([], reshuffle=False).with_output_types(bytes)
        hashes = batches | "Hashes" >> beam.Map(hash_rows, self.settings).with_output_types(pa.RecordBatch)
        if self._earlier:
            earlier = batches.pipeline | "Earlier" >> ReadEarlierImages(self._earlier)
            hashes = (hashes, earlier) | "WithEarlier" >> beam.Flatten()
        captions = self.settings.by == "image_and_caption"
        equal = same = links = nothing
        if self.settings.exact:
            digest = partial(content_digests, pixels=self.settings.exact == "pixels", captions=captions)
            equal = hashes | "FindEqual" >> FirstOfEach(digest, self.partitions, ranks_of)
            equal = equal | "Equal" >> beam.Map(only_repeated)
        if self.settings.near_radius_bits is not None:
            keep = beam.Map(_structured, self.settings.min_phash_quality).with_output_types(pa.RecordBatch)
            structured = hashes | "Structured" >> keep
            digest = partial(phash_digests, captions=captions)
            same = structured | "FindSameHash" >> FirstOfEach(digest, self.partitions, ranks_of)
            same = same | "SameHash" >> beam.Map(only_repeated)
            links = self._link(structured, same, self.settings.near_radius_bits)
        sides = [beam.pvalue.AsList(side) for side in (equal, same, links)]
        drop = _DropRepeats(self.settings)
        return batches | "Drop" >> beam.ParDo(drop, *sides).with_outputs(REJECTED, DUPLICATES, main="kept")

    def _link(
        self, structured: beam.PCollection[pa.RecordBatch], same: beam.PCollection[bytes], radius: int
    ) -> beam.PCollection[bytes]:
        crops = self.settings.near_crops
        first = beam.ParDo(_FirstOfHash(self.settings), beam.pvalue.AsList(same)).with_output_types(bytes)
        parts = self.partitions * _PARTS_WITH_CROPS if crops else self.partitions
        parts = max(1, parts // _PARTITIONS_A_PART)
        return (
            structured
            | "FirstOfHash" >> first
            | "FindNear" >> FindNear(radius, bands_for(self.rows), parts)
            | "Cluster" >> beam.CombineGlobally(MergeLinks()).without_defaults()
        )


def _structured(rows: pa.RecordBatch, min_quality: float) -> pa.RecordBatch:
    return rows.filter(pa.array(has_structure(rows, min_quality)))


class _Winners:
    """For each digest that several rows share, the row that survives; asked batch by batch."""

    def __init__(self, packed: list[bytes]) -> None:
        self.claims = unpack(packed)
        self._index = DigestIndex(self.claims["digest"])

    def losers_to(self, digests: np.ndarray, uids: np.ndarray, ranks: np.ndarray) -> np.ndarray:
        """Returns int64[n], index into `claims`, or -1 where the row survives."""
        if not len(self.claims):
            return np.full(len(digests), -1)
        found = self._index.position_of(digests)
        winner = self.claims[found]
        return np.where((found >= 0) & ((winner["uid"] != uids) | (winner["row_key"] != ranks)), found, -1)


class _FirstOfHash(beam.DoFn):
    """Yields the records of each distinct hash's first row, packed."""

    def __init__(self, settings: DedupImagesSettings) -> None:
        self._captions, self._crops = settings.by == "image_and_caption", settings.near_crops
        self._sides: object = None

    def process(self, element: pa.RecordBatch, same: list[bytes]) -> Iterator[bytes]:
        if self._sides is not same:  # the same object for a whole bundle: unpack it once
            self._sides, self._winners = same, _Winners(same)
        digests = phash_digests(element, captions=self._captions)
        first = self._winners.losers_to(digests, uid_bytes(element.column("uid")), ranks_of(element)) < 0
        records = hashed_records(element.filter(pa.array(first)), captions=self._captions, crops=self._crops)
        if len(records):
            yield records.tobytes()


class _DropRepeats(beam.DoFn):
    def __init__(self, settings: DedupImagesSettings) -> None:
        self._settings = settings
        self._sides: object = None

    def process(
        self, element: pa.RecordBatch, equal: list[bytes], same: list[bytes], links: list[bytes]
    ) -> Iterator[object]:
        if self._sides is not equal:
            self._sides = equal
            self._equal, self._same = _Winners(equal), _Winners(same)
            self._links = np.frombuffer(b"".join(links), dtype=LINK)
        found = self._survivors(hash_rows(element, self._settings))
        decision = Decision.keep_all(len(element))
        exact = np.isin(found.kind, ("equal_bytes", "equal_pixels"))
        decision.reject(exact, RejectReason.DUPLICATE_IMAGE, values=found.shown())
        decision.reject(
            found.kind != "",
            RejectReason.NEAR_DUPLICATE_IMAGE,
            values=found.shown(),
            threshold=self._settings.near_radius_bits,
        )
        kept, rejected = decision.split(element, Stage.DEDUP_IMAGES)
        yield from emit(Stage.DEDUP_IMAGES, len(element), [kept], [rejected])
        if len(rejected):
            yield beam.pvalue.TaggedOutput(DUPLICATES, found.table(element))

    def _survivors(self, rows: pa.RecordBatch) -> _Survivors:
        """Who survives each row: what it equals, and then what that is near to."""
        captions = self._settings.by == "image_and_caption"
        found = _Survivors(uid_bytes(rows.column("uid")), ranks_of(rows))
        if self._settings.exact:
            pixels = self._settings.exact == "pixels"
            digests = content_digests(rows, pixels=pixels, captions=captions)
            found.follow(self._equal, digests, "equal_pixels" if pixels else "equal_bytes")
        if self._settings.near_radius_bits is not None:
            structured = has_structure(rows, self._settings.min_phash_quality)
            found.follow(self._same, phash_digests(rows, captions=captions), "equal_hash", structured)
            found.follow_links(self._links, structured)
        return found


class _Survivors:
    """For each row the one that survives it, itself at first, found step by step."""

    def __init__(self, uids: np.ndarray, ranks: np.ndarray) -> None:
        self._uids, self._ranks = uids.copy(), ranks.copy()
        self.kind = np.full(len(uids), "", dtype=object)
        self.distance = np.zeros(len(uids), dtype=np.int32)

    def follow(self, winners: _Winners, digests: np.ndarray, kind: str, only: np.ndarray | None = None) -> None:
        """Takes the winner of each row's digest for its survivor."""
        loses = winners.losers_to(digests, self._uids, self._ranks)
        rows = np.flatnonzero((loses >= 0) if only is None else (loses >= 0) & only)
        self._uids[rows] = winners.claims["uid"][loses[rows]]
        self._ranks[rows] = winners.claims["row_key"][loses[rows]]
        self.kind[rows] = np.where(self.kind[rows] == "", kind, self.kind[rows])

    def follow_links(self, links: np.ndarray, only: np.ndarray) -> None:
        """Takes what each row's survivor so far is near to for its survivor."""
        near = position_of(links["uid"], self._uids)
        rows = np.flatnonzero((near >= 0) & only & (self._ranks != BEFORE))
        chosen = links[near[rows]]
        self._uids[rows], self._ranks[rows] = chosen["survivor"], chosen["survivor_rank"]
        kinds = np.where(chosen["crop"] > 0, "near_crop", "near_hash")
        exact = np.isin(self.kind[rows], ("equal_bytes", "equal_pixels"))
        self.kind[rows] = np.where(exact, self.kind[rows], kinds)
        self.distance[rows] = np.where(exact, 0, chosen["distance"])

    def shown(self) -> list[str | None]:
        """What the ledger says of each row."""
        said: list[str | None] = []
        for uid, kind, distance, rank in zip(self._uids, self.kind, self.distance, self._ranks, strict=True):
            near = "" if kind.startswith("equal_") and kind != "equal_hash" else f" at {distance} bits"
            crop = " of a crop" if kind == "near_crop" else ""
            run = " in an earlier run" if rank == BEFORE else ""
            said.append(f"{uid.tobytes().hex()}{near}{crop}{run}" if kind else None)
        return said

    def table(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows that are not their own survivors, as DUPLICATES_SCHEMA."""
        rows = np.flatnonzero(self.kind != "")
        columns = {
            "uid": batch.column("uid").take(pa.array(rows)),
            "survivor": [self._uids[row].tobytes().hex() for row in rows],
            "kind": self.kind[rows].tolist(),
            "distance": self.distance[rows],
            "earlier_run": self._ranks[rows] == BEFORE,
        }
        arrays = [pa.array(columns[field.name], field.type) for field in DUPLICATES_SCHEMA]
        return pa.RecordBatch.from_arrays(arrays, schema=DUPLICATES_SCHEMA)
