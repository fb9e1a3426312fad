"""Staging without what was removed: staging shards, imported rows, lists of URLs, names of domains and hosts."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.pipelines.removal.swap import Swap, swapping
from babelsift.pipelines.removal.tables import read_rows, write_rows
from babelsift.pipelines.removal.tars import copy_samples
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import (
    IMG2DATASET_IMAGES,
    IMPORTED_FOLDER,
    INPUT_IMAGES_FOLDER,
    PARQUET,
    REFUSED_URLS,
    STATS,
    TAR,
    URL_LIST_FOLDER,
)
from babelsift.pipelines.run_folder.progress.files import PROGRESS_FOLDER, TIMINGS
from babelsift.pipelines.run_folder.tombstones import Tombstones
from babelsift.pipelines.staging.img2dataset.listed_urls import URLS
from babelsift.pipelines.staging.layout import LISTED_URL, STAGING, SUCCESS
from babelsift.pipelines.staging.partitions import SPLIT_DOMAINS
from babelsift.pipelines.staging.shards import END_OF_TAR, counts_of

TAR_FOLDERS = (STAGING, INPUT_IMAGES_FOLDER, IMG2DATASET_IMAGES)
_IMPORTED_TARS = (INPUT_IMAGES_FOLDER, IMG2DATASET_IMAGES)  # whose rows lie in IMPORTED_FOLDER, too
_NOWHERE = "http://removed.invalid/"  # a name that no server ever has (RFC 2606): lists keep their number of rows


def are_staged_rows(rows: pa.Table, removed: Tombstones) -> np.ndarray:
    """Returns bool[n], the rows of a staging shard that go: by their pair, by the URL as it was listed, by the image.

    Args:
        rows: of a staging shard, an imported one, or one of img2dataset's.
        removed: what goes.
    """
    return removed.are_pairs(rows) | removed.are_pairs(rows, url=LISTED_URL) | removed.are_images(rows)


def staged_tables(folder: RunFolder) -> Iterator[str]:
    """Yields the paths of all tables with rows of staged images, committed or not."""
    for where in (*TAR_FOLDERS, IMPORTED_FOLDER):
        yield from (f"{where}/{name}" for name in folder.list(where, PARQUET))


def purge_staging(folder: RunFolder, removed: Tombstones) -> int:
    """Removes rows and images from staging; returns how many images.

    Raises:
        RunFolderError: a file cannot be read or written.
    """
    images = 0
    for where in TAR_FOLDERS:
        stems = {name.removesuffix(suffix) for suffix in (TAR, PARQUET, STATS) for name in folder.list(where, suffix)}
        for stem in sorted(stems):
            images += _purge_shard(folder, where, stem, removed)
    for name in folder.list(IMPORTED_FOLDER, PARQUET):
        with swapping(folder) as swap:
            _purge_imported(swap, folder, name.removesuffix(PARQUET), removed, {})
    for where in (REFUSED_URLS, URL_LIST_FOLDER):
        for name in folder.list(where, PARQUET):
            rows = read_rows(folder, f"{where}/{name}")
            if (goes := removed.are_pairs(rows)).any():
                write_rows(folder, f"{where}/{name}", rows.filter(pa.array(~goes)))
    for name in folder.list(URLS, PARQUET):
        _blank_listed(folder, f"{URLS}/{name}", removed)
    _forget_domains(folder, removed)
    return images


def _purge_shard(folder: RunFolder, where: str, stem: str, removed: Tombstones) -> int:
    stats = folder.read_commit_mark(f"{where}/{stem}{STATS}")
    rows = read_rows(folder, f"{where}/{stem}{PARQUET}", or_none=True)
    if stats is None or rows is None or not _is_as_committed(folder, f"{where}/{stem}", stats):
        # It does not count, and is made anew: what a killed run left in it is not looked through.
        for suffix in (STATS, PARQUET, TAR):
            folder.remove(f"{where}/{stem}{suffix}")
        logging.info("remove: %s/%s is not whole: it goes, and the next run makes it anew", where, stem)
        return 0
    goes = are_staged_rows(rows, removed)
    if not goes.any():
        return 0
    gone = rows.filter(pa.array(goes))
    with swapping(folder) as swap:
        with folder.open(where, stem + TAR) as source, swap.writing(f"{where}/{stem}{TAR}") as tar:
            keys = set(gone.column("key").to_pylist())
            end = END_OF_TAR if "fingerprint" in stats else None
            offsets = copy_samples(source, tar, keys, end=end)
        left = _with_offsets(rows.filter(pa.array(~goes)), offsets)
        with swap.writing(f"{where}/{stem}{PARQUET}") as parquet:
            pq.write_table(left, parquet, compression="zstd")
        now = {**stats, **counts_of(left)}
        if "fingerprint" in stats:
            now |= {"tar_bytes": tar.size, "tar_sha256": tar.sha256, "parquet_sha256": parquet.sha256}
        if where in _IMPORTED_TARS:
            _purge_imported(swap, folder, stem, removed, offsets)
        swap.write_json(f"{where}/{stem}{STATS}", now)
    return gone.column("status").to_pylist().count(SUCCESS)


def _is_as_committed(folder: RunFolder, path: str, stats: Mapping[str, Any]) -> bool:
    """Returns whether a shard's files are those that its mark says: a new mark would hide a difference."""
    if not folder.exists(path + TAR):
        return False
    if "fingerprint" not in stats:  # of img2dataset, which says nothing of them
        return True
    known = (stats.get("tar_bytes"), stats.get("parquet_sha256"))
    return known == (folder.size(path + TAR), folder.sha256(path + PARQUET)[1])


def _purge_imported(swap: Swap, folder: RunFolder, stem: str, removed: Tombstones, offsets: Mapping[str, int]) -> None:
    path = f"{IMPORTED_FOLDER}/{stem}"
    rows = read_rows(folder, path + PARQUET, or_none=True)
    if rows is None:
        return
    goes = are_staged_rows(rows, removed)
    if not goes.any() and not offsets:
        return
    left = _with_offsets(rows.filter(pa.array(~goes)), offsets)
    with swap.writing(path + PARQUET) as parquet:
        pq.write_table(left, parquet, compression="zstd")
    stats = folder.read_commit_mark(path + STATS)
    if stats is not None:
        captions = len(left) - left.column("caption").null_count
        swap.write_json(path + STATS, {**stats, "rows": len(left), "captions": captions})


def _with_offsets(rows: pa.Table, offsets: Mapping[str, int]) -> pa.Table:
    """Returns rows with the places that their images have now; offsets: {name of a tar's member: its place}."""
    if "image_offset" not in rows.schema.names or not offsets:
        return rows
    names = zip(*(rows.column(name).to_pylist() for name in ("key", "image_extension", "image_offset")), strict=True)
    now = [offsets.get(f"{key}.{extension}", before) for key, extension, before in names]
    place = rows.schema.get_field_index("image_offset")
    return rows.set_column(place, rows.schema.field(place), pa.array(now, rows.schema.field(place).type))


def _blank_listed(folder: RunFolder, path: str, removed: Tombstones) -> None:
    """Takes URLs off a list for img2dataset, whose shards are numbered by the lists' rows: none may be lost."""
    rows = read_rows(folder, path)
    goes = removed.are_pairs(rows) | removed.are_pairs(rows, url=LISTED_URL)
    if goes.any():
        for name in ("url", LISTED_URL):
            column = pc.if_else(pa.array(goes), _NOWHERE, rows.column(name))
            rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), column)
        write_rows(folder, path, rows)


def _forget_domains(folder: RunFolder, removed: Tombstones) -> None:
    """Takes the names of removed domains, and of hosts of theirs, out of the small files that name any."""
    split = folder.read_json(SPLIT_DOMAINS)
    if isinstance(split, dict):
        left = {key: _names_left(names, removed) for key, names in split.items()}
        if left != split:
            folder.write_json(SPLIT_DOMAINS, left)
    names = [f"{PROGRESS_FOLDER}/{name}" for name in folder.list(PROGRESS_FOLDER, ".json")]
    for path in (*names, TIMINGS):
        content = folder.read_commit_mark(path)
        hosts = None if content is None else content.get("failed_hosts")
        if content is not None and hosts:
            # Where a URL went, its host may be known by it alone.
            folder.write_json(path, {**content, "failed_hosts": type(hosts)()})


def _names_left(names: list[str], removed: Tombstones) -> list[str]:
    goes = removed.are_urls(pa.array([f"http://{name}/" for name in names], pa.string()))
    return [name for name, is_gone in zip(names, goes, strict=True) if not is_gone]
