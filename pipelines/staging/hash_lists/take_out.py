"""Takes the images that are on hash lists out of the staging shards of earlier runs, before a run looks there.

A shard's commit mark says by which lists it was looked through; a shard is looked through again only where they are
others. One that holds a listed image is written anew under its number without it: its tar, its table, its mark. What
was scored of the shard's images goes, as it has their digests, and is scored again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.filters.hash_lists import HashLists
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import PARQUET, STATS, TAR
from babelsift.pipelines.staging.columns.column_store import COLUMNS_FOLDER
from babelsift.pipelines.staging.hash_lists.image_hashes import is_unhashed, stored_hashes
from babelsift.pipelines.staging.hash_lists.withheld import as_withheld
from babelsift.pipelines.staging.layout import STAGED_SCHEMA, SUCCESS, shard_name, shard_path
from babelsift.pipelines.staging.scores.score_store import SCORES_FOLDER
from babelsift.pipelines.staging.shards import (
    END_OF_TAR,
    HASH_LISTS,
    TAR_HEADER_BYTES,
    StagedShard,
    StagingListing,
    counts_of,
    read_shard,
    read_staged_rows,
)

_SHARDS_AT_ONCE = 4
_READ_BYTES = 8 * 2**20


@dataclass(frozen=True)
class TakenOut:
    """What became of staged images.

    Attributes:
        listed: images that are on a list, and are gone.
        unhashed: images that lack a hash by which lists compare; they stay.
        discarded: images of that kind that are gone, to be downloaded again.
    """

    listed: int = 0
    unhashed: int = 0
    discarded: int = 0

    def __add__(self, other: TakenOut) -> TakenOut:
        return TakenOut(self.listed + other.listed, self.unhashed + other.unhashed, self.discarded + other.discarded)


def take_out_listed(folder: RunFolder, lists: HashLists, *, discard_unhashed: bool = False) -> TakenOut:
    """Takes listed images out of the staging shards that were downloaded before these lists were named.

    Args:
        folder: the run folder, which this process holds.
        lists: of the recipe.
        discard_unhashed: images without hashes go, too, so that they are downloaded again.
    """
    listing = sorted(StagingListing(folder).numbers.items())
    with ThreadPoolExecutor(_SHARDS_AT_ONCE, thread_name_prefix="hash-lists") as pool:
        looked = pool.map(lambda one: _look_through(folder, read_shard(folder, *one), lists, discard_unhashed), listing)
        taken = sum(looked, TakenOut())
    if taken.listed:
        logging.info("download: %d staged images are on a hash list, and are gone from staging", taken.listed)
    if taken.discarded:
        logging.info("download: %d images that were staged without hashes are downloaded again", taken.discarded)
    if taken.unhashed:
        logging.warning(
            "download: %d images were staged without the hashes (%s) that the hash lists are of, and stay; "
            "to download them again, run with --retry-failed unhashed",
            taken.unhashed,
            ", ".join(sorted(lists.algorithms)),
        )
    return taken


def _look_through(folder: RunFolder, shard: StagedShard, lists: HashLists, discard_unhashed: bool) -> TakenOut:
    if shard.stats is None or shard.is_foreign:
        return TakenOut()
    known = shard.stats.get(HASH_LISTS) or {}
    if known.get("fingerprint") == lists.fingerprint and not (known.get("unhashed") and discard_unhashed):
        return TakenOut(unhashed=int(known.get("unhashed", 0)))
    staged = read_staged_rows(folder, shard)
    if staged is None:
        return TakenOut()  # it is downloaded again
    names = lists.names(stored_hashes(staged)) if len(staged) else []
    is_listed = np.array([name is not None for name in names], bool)
    unhashed = is_unhashed(staged, lists.algorithms) & ~is_listed
    discarded = unhashed if discard_unhashed else np.zeros(len(staged), bool)
    left = int((unhashed & ~discarded).sum())
    mark = {HASH_LISTS: {"fingerprint": lists.fingerprint, "unhashed": left}}
    if not is_listed.any() and not discarded.any():
        folder.write_json(shard_path(shard.number, STATS), {**shard.stats, **mark})
        return TakenOut(unhashed=left)
    rows = [
        record if name is None else as_withheld(record, name)
        for record, name, is_gone in zip(staged.to_pylist(), names, discarded, strict=True)
        if not is_gone
    ]
    _forget_values(folder, shard.number)
    _write_anew(folder, shard, rows, mark)
    return TakenOut(int(is_listed.sum()), left, int(discarded.sum()))


def _write_anew(folder: RunFolder, shard: StagedShard, records: list[dict[str, Any]], mark: dict[str, Any]) -> None:
    """Writes a shard with these rows alone, and of its tar what belongs to those of them that have an image."""
    assert shard.stats is not None
    images = sorted((record for record in records if record["status"] == SUCCESS), key=lambda one: one["image_offset"])
    started = time.time()
    with ExitStack() as stack:
        table_file = stack.enter_context(folder.writing(shard_path(shard.number, PARQUET)))
        tar = stack.enter_context(folder.writing(shard_path(shard.number, TAR)))
        ends = _sample_ends(folder, shard)
        for record in images:
            start = record["image_offset"] - TAR_HEADER_BYTES
            record["image_offset"] = tar.size + TAR_HEADER_BYTES
            for content in _read(folder, shard.number, start, ends[start]):
                tar.write(content)
        tar.write(END_OF_TAR)
        rows = pa.RecordBatch.from_pylist(records, schema=STAGED_SCHEMA)
        pq.write_table(pa.Table.from_batches([rows]), table_file, compression="zstd")
        folder.remove(shard_path(shard.number, STATS))  # both others get their names now
    checked = {"tar_bytes": tar.size, "tar_sha256": tar.sha256, "parquet_sha256": table_file.sha256}
    folder.write_json(shard_path(shard.number, STATS), {**shard.stats, **counts_of(rows), **checked, **mark})
    logging.info("download: staging shard %s was written anew, %.1f s", shard_name(shard.number), time.time() - started)


def _sample_ends(folder: RunFolder, shard: StagedShard) -> dict[int, int]:
    """Returns {where an image's header begins in a shard's tar: where its sample ends}."""
    staged = read_staged_rows(folder, shard)
    offsets = [] if staged is None else [offset for offset in staged.column("image_offset").to_pylist() if offset]
    starts = sorted(offset - TAR_HEADER_BYTES for offset in offsets)
    end = int((shard.stats or {}).get("tar_bytes", 0)) - len(END_OF_TAR)
    return dict(zip(starts, [*starts[1:], end], strict=True))


def _read(folder: RunFolder, shard: int, start: int, end: int) -> Iterator[bytes]:
    for place in range(start, end, _READ_BYTES):
        yield folder.read_range(shard_path(shard, TAR), place, min(place + _READ_BYTES, end))


def _forget_values(folder: RunFolder, shard: int) -> None:
    """Removes what is stored of a shard's images by models: similarities, embeddings, columns."""
    for root in (SCORES_FOLDER, COLUMNS_FOLDER):
        for path in folder.files_under(root):
            if f"_{shard_name(shard)}_" in path.rsplit("/", 1)[-1]:
                folder.remove(path)
