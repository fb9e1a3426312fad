"""Brings to batches what `FindDuplicateImages` found of their images.

A row follows up to three steps: the record of its content, that of its hash, the link of what these say is kept. So
that a row asks but once, the link of each record's kept image is found before, and lies beside it by its digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.bytes16 import halves
from babelsift.filters.dedup import DIGEST_RECORD, IMAGE_LINK, position_of, unpack_digest_records
from babelsift.filters.uids import uid_bytes
from babelsift.pipelines.core.groups.co_group import CoGroup
from babelsift.pipelines.core.groups.look_up import BATCHES, Answered, LookUp, one_a_key, split_by_key
from babelsift.pipelines.core.groups.lowest_per_digest import Digest, split_sorted
from babelsift.pipelines.core.packed import Packed
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.stages.dedup.images.find_duplicate_images import EQUAL_CONTENT, EQUAL_HASHES, LINKS
from babelsift.pipelines.stages.dedup.images.image_hashes import EARLIER_RANK, content_digest, phash_digests
from babelsift.schemas.recipe import DedupImagesSettings

# The link of what is kept of a digest.
LINK_OF_DIGEST = np.dtype([("digest", "V16"), ("link", IMAGE_LINK)])
CONTENT_LINKS, HASH_LINKS, SURVIVORS = "content_links", "hash_links", "survivors"
TABLES = (EQUAL_CONTENT, EQUAL_HASHES, LINKS, CONTENT_LINKS, HASH_LINKS, SURVIVORS)
_RECORDS = {
    EQUAL_CONTENT: DIGEST_RECORD,
    EQUAL_HASHES: DIGEST_RECORD,
    LINKS: IMAGE_LINK,
    CONTENT_LINKS: LINK_OF_DIGEST,
    HASH_LINKS: LINK_OF_DIGEST,
    SURVIVORS: np.dtype("V16"),
}
HashRows = Callable[[pa.RecordBatch], pa.RecordBatch]


@dataclass
class LookUpDuplicates(Transform):
    """Looks the images of batches up in what `FindDuplicateImages` found.

    Input: {BATCHES: RecordBatches, and its outputs by their names}. Output: `Answered`, of which `DuplicateImages`
    takes the answers.

    Attributes:
        settings: those of `FindDuplicateImages`.
        rows: RecordBatch -> the hash rows of its images; importable.
        partitions: results do not depend on how many.
    """

    settings: DedupImagesSettings
    rows: HashRows
    partitions: int

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> beam.PCollection[Answered]:
        """Puts links beside records, and looks up; with side inputs batches have all tables at hand."""
        tables = {name: inputs[name] for name in (EQUAL_CONTENT, EQUAL_HASHES, LINKS) if name in inputs}
        if self.partitions > 1 and tables:
            tables |= self._beside_records(tables)
            uids = [
                table | f"Survivors_{name}" >> beam.Map(packed_survivors, _RECORDS[name]).with_output_types(Packed)
                for name, table in tables.items()
                if name in (EQUAL_CONTENT, EQUAL_HASHES, LINKS)
            ]
            tables[SURVIVORS] = tuple(uids) | "Survivors" >> beam.Flatten()
        content = partial(_digests_of_rows, self.rows, content_digest(self.settings))
        captions = self.settings.by == "image_and_caption"
        hashed = partial(_digests_of_rows, self.rows, partial(phash_digests, captions=captions))
        own = partial(_uids_of_rows, self.rows)
        keys = {EQUAL_CONTENT: content, CONTENT_LINKS: content, EQUAL_HASHES: hashed, HASH_LINKS: hashed}
        keys |= {LINKS: own, SURVIVORS: own}
        look_up = LookUp(
            {name: keys[name] for name in tables}, {name: _RECORDS[name] for name in tables}, self.partitions
        )
        return {BATCHES: inputs[BATCHES], **tables} | "LookUp" >> look_up

    def _beside_records(self, tables: Mapping[str, beam.PCollection]) -> dict[str, beam.PCollection]:
        """Returns the links of what records say is kept, by the records' digests."""
        records_of = {CONTENT_LINKS: EQUAL_CONTENT, HASH_LINKS: EQUAL_HASHES}
        records = {name: table for name, table in records_of.items() if LINKS in tables and table in tables}
        if not records:
            return {}
        split = {
            name: tables[table]
            | f"ByUid_{table}" >> beam.FlatMap(split_by_uid, self.partitions).with_output_types(tuple[int, Packed])
            for name, table in records.items()
        }
        links = beam.FlatMap(split_links, self.partitions).with_output_types(tuple[int, Packed])
        met = {LINKS: tables[LINKS] | "SplitLinks" >> links, **split} | "MeetLinks" >> CoGroup()
        return {
            name: met | f"Links_{name}" >> beam.Map(links_beside, name).with_output_types(Packed) for name in records
        }


def split_by_uid(packed: bytes, partitions: int) -> Iterator[tuple[int, bytes]]:
    """Yields (partition of their uids, the records' digests and uids, packed DIGEST_RECORDs as they lie)."""
    records = unpack_digest_records(packed)
    records = records[np.argsort(halves(records["uid"])[0], kind="stable")]
    for partition, rows in split_sorted(records["uid"], partitions):
        yield partition, records[rows].tobytes()


def split_links(packed: bytes, partitions: int) -> Iterator[tuple[int, bytes]]:
    """Yields (partition of their uids, its links) of packed IMAGE_LINKs."""
    for partition, links in split_by_key(np.frombuffer(packed, IMAGE_LINK), partitions):
        yield partition, links.tobytes()


def links_beside(group: tuple[int, Mapping[str, list[bytes]]], name: str) -> bytes:
    """Returns the packed LINK_OF_DIGESTs of those records of a partition whose uid has a link."""
    links = one_a_key(group[1][LINKS], IMAGE_LINK)
    records = np.frombuffer(b"".join(group[1][name]), DIGEST_RECORD)
    index = position_of(links["uid"], records["uid"])
    rows = np.flatnonzero(index >= 0)
    beside = np.empty(len(rows), LINK_OF_DIGEST)
    beside["digest"], beside["link"] = records["digest"][rows], links[index[rows]]
    return beside.tobytes()


def packed_survivors(packed: bytes, record: np.dtype) -> bytes:
    """Returns the packed uids of what is kept by packed digest records or links."""
    if record == DIGEST_RECORD:
        return unpack_digest_records(packed)["uid"].tobytes()
    return np.frombuffer(packed, record)["survivor"].tobytes()


def earlier_uids(packed: bytes, table: str) -> list[bytes]:
    """Returns the different uids of earlier images that a packed table says are kept; table: its name."""
    if _RECORDS[table] == DIGEST_RECORD:
        records = unpack_digest_records(packed)
        uids = records["uid"][records["row_key"] == EARLIER_RANK]
    else:
        links = np.frombuffer(packed, _RECORDS[table])
        uids = links["survivor"][links["survivor_rank"] == EARLIER_RANK]
    return sorted({uid.tobytes() for uid in uids})


def _digests_of_rows(rows: HashRows, digest: Digest, batch: pa.RecordBatch) -> np.ndarray:
    return digest(rows(batch))


def _uids_of_rows(rows: HashRows, batch: pa.RecordBatch) -> np.ndarray:
    return uid_bytes(rows(batch).column("uid"))
