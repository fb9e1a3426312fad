"""Which images repeat which, as both image dedup and decontamination ask it: equal content, equal hashes, near ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.dedup import IMAGE_LINK, KeptRows, position_of
from babelsift.filters.uids import uid_bytes
from babelsift.pipelines.core.lowest_per_digest import LowestPerDigest, kept_rows, only_duplicated
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.stages.dedup.image_hashes import (
    BEFORE,
    content_digests,
    has_structure,
    hashed_records,
    phash_digests,
    ranks_of,
)
from babelsift.pipelines.stages.dedup.near_images import FindNear, MergeLinks
from babelsift.schemas.duplicates import DUPLICATES_SCHEMA
from babelsift.schemas.recipe import DedupImagesSettings

# Hashes of crops are many, and stay apart in more parts; without them few parts spare journeys.
_PARTS_WITH_CROPS, _PARTITIONS_A_PART = 4, 8


@dataclass
class FindRepeats(Transform):
    """Finds the repeats among slim rows (see `babelsift.pipelines.stages.dedup.image_hashes`).

    Input: RecordBatches of slim rows. Output: a tuple of three PCollections to be given to `Repeats` as lists: digest
    records of equal content, digest records of equal hashes, links of near images.

    Attributes: settings: what counts as a repeat; `survivor` and `earlier` are of no account here. partitions: as of
        `DedupImages`. only_before: whether only rows of rank BEFORE may survive others.
    """

    settings: DedupImagesSettings
    partitions: int
    only_before: bool = False

    def expand(self, hashes: beam.PCollection[pa.RecordBatch]) -> tuple[beam.PCollection[bytes], ...]:
        """Digest records and links."""
        nothing = hashes.pipeline | "Nothing" >> beam.Create([], reshuffle=False).with_output_types(bytes)
        captions = self.settings.by == "image_and_caption"
        equal = same = links = nothing
        if self.settings.exact:
            digest = partial(content_digests, pixels=self.settings.exact == "pixels", captions=captions)
            equal = hashes | "FindEqual" >> LowestPerDigest(digest, self.partitions, ranks_of)
            equal = equal | "Equal" >> beam.Map(only_duplicated)
        if self.settings.near_radius_bits is not None:
            keep = beam.Map(_structured, self.settings.min_phash_quality).with_output_types(pa.RecordBatch)
            structured = hashes | "Structured" >> keep
            digest = partial(phash_digests, captions=captions)
            same = structured | "FindSameHash" >> LowestPerDigest(digest, self.partitions, ranks_of)
            same = same | "SameHash" >> beam.Map(only_duplicated)
            links = self._link(structured, same, self.settings.near_radius_bits)
        return equal, same, links

    def _link(
        self, structured: beam.PCollection[pa.RecordBatch], same: beam.PCollection[bytes], radius: int
    ) -> beam.PCollection[bytes]:
        crops = self.settings.near_crops
        first = beam.ParDo(_FirstOfHash(self.settings), beam.pvalue.AsList(same)).with_output_types(bytes)
        parts = self.partitions * _PARTS_WITH_CROPS if crops else self.partitions
        parts = max(1, parts // _PARTITIONS_A_PART)
        below = BEFORE + 1 if self.only_before else None
        return (
            structured
            | "FirstOfHash" >> first
            | "FindNear" >> FindNear(radius, parts, below)
            | "Cluster" >> beam.CombineGlobally(MergeLinks()).without_defaults()
        )


def _structured(rows: pa.RecordBatch, min_quality: float) -> pa.RecordBatch:
    return rows.filter(pa.array(has_structure(rows, min_quality)))


class _FirstOfHash(beam.DoFn):
    """Yields the records of each distinct hash's first row, packed."""

    def __init__(self, settings: DedupImagesSettings) -> None:
        self._captions, self._crops = settings.by == "image_and_caption", settings.near_crops
        self._sides: object = None

    def process(self, element: pa.RecordBatch, same: list[bytes]) -> Iterator[bytes]:
        if self._sides is not same:  # the same object for a whole bundle: unpack it once
            self._sides, self._kept = same, kept_rows(same)
        digests = phash_digests(element, captions=self._captions)
        first = self._kept.duplicate_of(digests, ranks_of(element), uid_bytes(element.column("uid"))) < 0
        records = hashed_records(element.filter(pa.array(first)), captions=self._captions, crops=self._crops)
        if len(records):
            yield records.tobytes()


class Repeats:
    """What FindRepeats found, asked batch by batch."""

    def __init__(
        self, settings: DedupImagesSettings, equal: list[bytes], same: list[bytes], links: list[bytes]
    ) -> None:
        self._settings = settings
        self._equal, self._same = kept_rows(equal), kept_rows(same)
        self._links = np.frombuffer(b"".join(links), dtype=IMAGE_LINK)

    def survivors_before(self) -> set[str]:
        """Returns the uids of rank BEFORE that survive any row."""
        records = np.concatenate([self._equal.records, self._same.records])
        uids = [
            *records["uid"][records["row_key"] == BEFORE],
            *self._links["survivor"][self._links["survivor_rank"] == BEFORE],
        ]
        return {uid.tobytes().hex() for uid in uids}

    def survivors_of(self, rows: pa.RecordBatch) -> Survivals:
        """Who survives each row: what it equals, and then what that is near to."""
        captions = self._settings.by == "image_and_caption"
        found = Survivals(uid_bytes(rows.column("uid")), ranks_of(rows))
        if self._settings.exact:
            pixels = self._settings.exact == "pixels"
            digests = content_digests(rows, pixels=pixels, captions=captions)
            found.follow(self._equal, digests, "equal_pixels" if pixels else "equal_bytes")
        if self._settings.near_radius_bits is not None:
            structured = has_structure(rows, self._settings.min_phash_quality)
            found.follow(self._same, phash_digests(rows, captions=captions), "equal_hash", structured)
            found.follow_links(self._links, structured)
        return found


class Survivals:
    """For each row the one that survives it, itself at first, found step by step."""

    def __init__(self, uids: np.ndarray, ranks: np.ndarray) -> None:
        self.uids, self.ranks = uids.copy(), ranks.copy()
        self.kind = np.full(len(uids), "", dtype=object)
        self.distance = np.zeros(len(uids), dtype=np.int32)

    def follow(self, kept: KeptRows, digests: np.ndarray, kind: str, only: np.ndarray | None = None) -> None:
        """Takes the winner of each row's digest for its survivor."""
        loses = kept.duplicate_of(digests, self.ranks, self.uids)
        rows = np.flatnonzero((loses >= 0) if only is None else (loses >= 0) & only)
        self.uids[rows] = kept.records["uid"][loses[rows]]
        self.ranks[rows] = kept.records["row_key"][loses[rows]]
        self.kind[rows] = np.where(self.kind[rows] == "", kind, self.kind[rows])

    def follow_links(self, links: np.ndarray, only: np.ndarray) -> None:
        """Takes what each row's survivor so far is near to for its survivor."""
        near = position_of(links["uid"], self.uids)
        rows = np.flatnonzero((near >= 0) & only & (self.ranks != BEFORE))
        chosen = links[near[rows]]
        self.uids[rows], self.ranks[rows] = chosen["survivor"], chosen["survivor_rank"]
        kinds = np.where(chosen["crop"] > 0, "near_crop", "near_hash")
        exact = np.isin(self.kind[rows], ("equal_bytes", "equal_pixels"))
        self.kind[rows] = np.where(exact, self.kind[rows], kinds)
        self.distance[rows] = chosen["distance"]

    def shown(self) -> list[str | None]:
        """What the ledger says of each row."""
        said: list[str | None] = []
        for uid, kind, distance, rank in zip(self.uids, self.kind, self.distance, self.ranks, strict=True):
            near = "" if kind in ("equal_bytes", "equal_pixels") and not distance else f" at {distance} bits"
            crop = " of a crop" if kind == "near_crop" else ""
            run = " in an earlier run" if rank == BEFORE else ""
            said.append(f"{uid.tobytes().hex()}{near}{crop}{run}" if kind else None)
        return said

    def table(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows that are not their own survivors, as DUPLICATES_SCHEMA."""
        rows = np.flatnonzero(self.kind != "")
        columns = {
            "uid": batch.column("uid").take(pa.array(rows)),
            "survivor": [self.uids[row].tobytes().hex() for row in rows],
            "kind": self.kind[rows].tolist(),
            "distance": self.distance[rows],
            "earlier_run": self.ranks[rows] == BEFORE,
            "cosine": [None] * len(rows),
            "report_only": [False] * len(rows),
        }
        arrays = [pa.array(columns[field.name], field.type) for field in DUPLICATES_SCHEMA]
        return pa.RecordBatch.from_arrays(arrays, schema=DUPLICATES_SCHEMA)
