"""Which image is kept in the place of each row: what `FindDuplicateImages` found, looked up batch by batch."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from babelsift.filters.dedup import FIRST_VIEW, IMAGE_LINK, KeptRows, position_of
from babelsift.filters.uids import uid_bytes
from babelsift.pipelines.core.groups.look_up import Answered, one_a_key
from babelsift.pipelines.core.groups.lowest_per_digest import kept_rows
from babelsift.pipelines.stages.dedup.images.image_hashes import (
    EARLIER_RANK,
    content_digests,
    has_structure,
    phash_digests,
    ranks_of,
)
from babelsift.pipelines.stages.dedup.images.look_up_duplicates import (
    CONTENT_LINKS,
    EQUAL_CONTENT,
    EQUAL_HASHES,
    HASH_LINKS,
    LINK_OF_DIGEST,
    LINKS,
    SURVIVORS,
    TABLES,
)
from babelsift.schemas.duplicates import DUPLICATES_SCHEMA, bits_text, how_compared
from babelsift.schemas.recipe import DedupImagesSettings

EXACT_KINDS = ("equal_bytes", "equal_pixels")


class DuplicateImages:
    """Looks up which image is kept in the place of each row.

    Args:
        settings: those of `FindDuplicateImages`.
        tables: the answers of `LookUpDuplicates` in the order of TABLES; None where there is no such table.
    """

    def __init__(self, settings: DedupImagesSettings, *tables: Iterable[bytes] | None) -> None:
        self._settings = settings
        answers = dict(zip(TABLES, tables, strict=True))
        self._equal_content, self._equal_hashes = (
            kept_rows(answers[name] or ()) for name in (EQUAL_CONTENT, EQUAL_HASHES)
        )
        beside = [
            np.frombuffer(packed, LINK_OF_DIGEST)["link"].tobytes()
            for name in (CONTENT_LINKS, HASH_LINKS)
            for packed in answers[name] or ()
        ]
        self._links = one_a_key([*(answers[LINKS] or ()), *beside], IMAGE_LINK)
        if (survivors := answers[SURVIVORS]) is None:
            records = (kept.records["uid"] for kept in (self._equal_content, self._equal_hashes))
            self.survivors = np.concatenate([*records, self._links["survivor"]])
        else:
            # V16[m]: of the rows that ask those that are kept in the place of any.
            self.survivors = np.frombuffer(b"".join(survivors), "V16")

    @staticmethod
    def tables_of(answered: Answered) -> list[list[bytes] | None]:
        """Returns the tables of an answer as the constructor takes them."""
        return [answered.answers.get(name) for name in TABLES]

    def kept_instead_of(self, rows: pa.RecordBatch) -> KeptInstead:
        """Returns what is kept in the place of each hash row: what it equals, and then what that is near to."""
        captions = self._settings.by == "image_and_caption"
        kept = KeptInstead(uid_bytes(rows.column("uid")), ranks_of(rows))
        if self._settings.exact:
            pixels = self._settings.exact == "pixels"
            digests = content_digests(rows, pixels=pixels, captions=captions)
            kept.follow_records(self._equal_content, digests, "equal_pixels" if pixels else "equal_bytes")
        if self._settings.near_radius_bits is not None:
            structured = has_structure(rows, self._settings.min_phash_quality)
            kept.follow_records(self._equal_hashes, phash_digests(rows, captions=captions), "equal_hash", structured)
            kept.follow_links(self._links, structured)
        return kept


class KeptInstead:
    """For each row the image that is kept in its place: the row itself, until a record or a link says otherwise.

    Attributes:
        uids: V16[n], whose image is kept.
        ranks: uint64[n], its rank.
        kind: object[n], how the row is a duplicate of it, as DUPLICATES_SCHEMA has it; "" where the row itself is kept.
        distance: int32[n], bits in which the two hashes differ.
    """

    def __init__(self, uids: np.ndarray, ranks: np.ndarray) -> None:
        self.uids, self.ranks = uids.copy(), ranks.copy()
        self.kind = np.full(len(uids), "", dtype=object)
        self.distance = np.zeros(len(uids), dtype=np.int32)

    def take(self, images: np.ndarray) -> KeptInstead:
        """Returns the same of rows; images: int64[m], the index of each row's image here."""
        taken = KeptInstead(self.uids[images], self.ranks[images])
        taken.kind, taken.distance = self.kind[images], self.distance[images]
        return taken

    @property
    def is_duplicate(self) -> np.ndarray:
        """bool[n], where another image is kept in the place of the row."""
        return self.kind != ""

    def follow_records(self, kept: KeptRows, digests: np.ndarray, kind: str, only: np.ndarray | None = None) -> None:
        """Goes on to the kept row of each row's digest; only: bool[n], rows that the digests speak of."""
        index = kept.duplicate_of(digests, self.ranks, self.uids)
        rows = np.flatnonzero((index >= 0) if only is None else (index >= 0) & only)
        self.uids[rows] = kept.records["uid"][index[rows]]
        self.ranks[rows] = kept.records["row_key"][index[rows]]
        self.kind[rows] = np.where(self.kind[rows] == "", kind, self.kind[rows])

    def follow_links(self, links: np.ndarray, only: np.ndarray) -> None:
        """Goes on to what the kept image so far is near to; links: IMAGE_LINK[m], sorted by uid; only: bool[n]."""
        index = position_of(links["uid"], self.uids)
        rows = np.flatnonzero((index >= 0) & only & (self.ranks != EARLIER_RANK))
        followed = links[index[rows]]
        self.uids[rows], self.ranks[rows] = followed["survivor"], followed["survivor_rank"]
        near_kinds = np.where(followed["crop"] > 0, "near_crop", "near_hash")
        near_kinds = np.where(followed["crop"] >= FIRST_VIEW, "near_altered", near_kinds)
        self.kind[rows] = np.where(np.isin(self.kind[rows], EXACT_KINDS), self.kind[rows], near_kinds)
        self.distance[rows] = followed["distance"]

    def how_near(self, row: int) -> str:
        """Returns how near a row is to the image that is kept, as the ledger says it behind its name."""
        exact = self.kind[row] in EXACT_KINDS and not self.distance[row]
        near = "" if exact else f" at {bits_text(self.distance[row])}"
        return near + how_compared(self.kind[row])

    def ledger_values(self) -> list[str | None]:
        """Returns what the ledger says of each row; None where the row itself is kept."""
        values: list[str | None] = []
        for row, (uid, rank) in enumerate(zip(self.uids, self.ranks, strict=True)):
            earlier = " in an earlier run" if rank == EARLIER_RANK else ""
            values.append(f"{uid.tobytes().hex()}{self.how_near(row)}{earlier}" if self.kind[row] else None)
        return values

    def duplicates_table(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the duplicates as DUPLICATES_SCHEMA; batch: the rows, with their uids."""
        rows = np.flatnonzero(self.is_duplicate)
        columns = {
            "uid": batch.column("uid").take(pa.array(rows)),
            "survivor": [self.uids[row].tobytes().hex() for row in rows],
            "kind": self.kind[rows].tolist(),
            "distance": self.distance[rows],
            "earlier_run": self.ranks[rows] == EARLIER_RANK,
            "cosine": [None] * len(rows),
            "report_only": [False] * len(rows),
        }
        arrays = [pa.array(columns[field.name], field.type) for field in DUPLICATES_SCHEMA]
        return pa.RecordBatch.from_arrays(arrays, schema=DUPLICATES_SCHEMA)
