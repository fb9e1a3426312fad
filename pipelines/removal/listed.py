"""Takes the images that are on hash lists out of the staging shards of earlier runs, before a run looks there.

A shard's commit mark says by which lists it was looked through; a shard is looked through again only where they are
others.

1. Look through the shards, several at once: which images are on a list, which lack a hash to be compared by.
2. Purge what models said of the images that go: scores by their rows, columns' values by their shard.
3. Write each shard that holds any anew, under its number: its tar, its table, its mark, all three or none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.filters.hash_lists import HashLists
from babelsift.pipelines.removal.derived import purge_scores
from babelsift.pipelines.removal.swap import swapping
from babelsift.pipelines.removal.tars import copy_samples
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import PARQUET, STATS, TAR
from babelsift.pipelines.run_folder.tombstones import UID, Tombstones, digests_of
from babelsift.pipelines.staging.columns.column_store import COLUMNS_FOLDER
from babelsift.pipelines.staging.hash_lists import as_withheld, is_unhashed, stored_hashes
from babelsift.pipelines.staging.layout import STAGED_SCHEMA, SUCCESS, shard_name, shard_path
from babelsift.pipelines.staging.shards import (
    END_OF_TAR,
    HASH_LISTS,
    StagedShard,
    StagingListing,
    counts_of,
    read_shard,
    read_staged_rows,
)

_SHARDS_AT_ONCE = 4


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


@dataclass(frozen=True)
class _Looked:
    """What a shard holds: of its rows on a list {row: the list's name}, rows to be discarded, images left unhashed."""

    shard: StagedShard
    listed: dict[int, str] = field(default_factory=dict)
    discarded: frozenset[int] = frozenset()
    unhashed: int = 0
    gone: Tombstones = field(default_factory=Tombstones)


def take_out_listed(folder: RunFolder, lists: HashLists, *, discard_unhashed: bool = False) -> TakenOut:
    """Takes listed images out of the staging shards that were downloaded before these lists were named.

    Args:
        folder: the run folder, which this process holds.
        lists: of the recipe.
        discard_unhashed: images without hashes go, too, so that they are downloaded again.

    Raises:
        RunFolderError: a file cannot be read or written.
    """
    listing = sorted(StagingListing(folder).numbers.items())
    with ThreadPoolExecutor(_SHARDS_AT_ONCE, thread_name_prefix="hash-lists") as pool:
        looked = list(pool.map(lambda one: _look(folder, read_shard(folder, *one), lists, discard_unhashed), listing))
    changed = [one for one in looked if one.listed or one.discarded]
    gone = Tombstones()
    for one in changed:
        gone |= one.gone
    if gone:
        purge_scores(folder, gone)
    for one in changed:
        _forget_values(folder, one.shard.number)
        _write_anew(folder, one, _mark(lists, one.unhashed))
    taken = TakenOut(
        sum(len(one.listed) for one in looked),
        sum(one.unhashed for one in looked),
        sum(len(one.discarded) for one in looked),
    )
    _say(taken, lists)
    return taken


def _say(taken: TakenOut, lists: HashLists) -> None:
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


def _look(folder: RunFolder, shard: StagedShard, lists: HashLists, discard_unhashed: bool) -> _Looked:
    if shard.stats is None or shard.is_foreign:
        return _Looked(shard)
    known = shard.stats.get(HASH_LISTS) or {}
    if known.get("fingerprint") == lists.fingerprint and not (known.get("unhashed") and discard_unhashed):
        return _Looked(shard, unhashed=int(known.get("unhashed", 0)))
    staged = read_staged_rows(folder, shard)
    if staged is None:
        return _Looked(shard)  # it is downloaded again
    names = lists.names(stored_hashes(staged)) if len(staged) else []
    listed = {row: name for row, name in enumerate(names) if name is not None}
    unhashed = set(np.flatnonzero(is_unhashed(staged, lists.algorithms)).tolist()) - listed.keys()
    if discard_unhashed:
        return _Looked(shard, listed, frozenset(unhashed), 0, _tombstones_of(staged, listed))
    if not listed:
        folder.write_json(shard_path(shard.number, STATS), {**shard.stats, **_mark(lists, len(unhashed))})
    return _Looked(shard, listed, frozenset(), len(unhashed), _tombstones_of(staged, listed))


def _tombstones_of(staged: pa.RecordBatch, listed: dict[int, str]) -> Tombstones:
    gone = staged.take(pa.array(list(listed), pa.int64()))
    columns = {UID: "uid", "sha256": "sha256"}
    digests = {kind: frozenset(digests_of(kind, gone.column(name).to_pylist())) for kind, name in columns.items()}
    return Tombstones({kind: of_kind for kind, of_kind in digests.items() if of_kind})


def _mark(lists: HashLists, unhashed: int) -> dict[str, Any]:
    return {HASH_LISTS: {"fingerprint": lists.fingerprint, "unhashed": unhashed}}


def _write_anew(folder: RunFolder, looked: _Looked, mark: dict[str, Any]) -> None:
    """Writes a shard without the images that go; of those on a list it keeps that they are."""
    number, stats = looked.shard.number, looked.shard.stats
    staged = read_staged_rows(folder, looked.shard)
    if staged is None or stats is None:
        return
    with swapping(folder) as swap:
        keys = staged.column("key").to_pylist()
        goes = {keys[row] for row in (*looked.listed, *looked.discarded)}
        with folder.open(shard_path(number, TAR)) as source, swap.writing(shard_path(number, TAR)) as tar:
            offsets = copy_samples(source, tar, goes, end=END_OF_TAR)
        rows = pa.RecordBatch.from_pylist(list(_rows_left(staged, looked, offsets)), schema=STAGED_SCHEMA)
        with swap.writing(shard_path(number, PARQUET)) as table:
            pq.write_table(pa.Table.from_batches([rows]), table, compression="zstd")
        checked = {"tar_bytes": tar.size, "tar_sha256": tar.sha256, "parquet_sha256": table.sha256}
        swap.write_json(shard_path(number, STATS), {**stats, **counts_of(rows), **checked, **mark})


def _rows_left(staged: pa.RecordBatch, looked: _Looked, offsets: dict[str, int]) -> Iterator[dict[str, Any]]:
    for row, record in enumerate(staged.to_pylist()):
        if row in looked.discarded:
            continue
        if row in looked.listed:
            yield as_withheld(record, looked.listed[row])
        elif record["status"] == SUCCESS:
            yield {**record, "image_offset": offsets[f"{record['key']}.{record['image_extension']}"]}
        else:
            yield record


def _forget_values(folder: RunFolder, shard: int) -> None:
    """Removes what columns have of a staging shard's images and pairs: of pairs nobody could say which go."""
    for path in folder.files_under(COLUMNS_FOLDER):
        if f"_{shard_name(shard)}_" in path.rsplit("/", 1)[-1]:
            folder.remove(path)
