"""Rows of an img2dataset folder that a run imported: how they are stored in the run folder, and reading them back.

OUT/staging/adopted/NNNNN.parquet       the rows of one shard of the folder, as `stages.img2dataset_folder` read it
                   /NNNNN_stats.json    written last: what the shard's files were then, and what was wrong with them
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.run_folder.commit_marks import is_count, is_list_of_texts, is_object
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import (
    IMG2DATASET_IMAGES,
    IMPORTED_FOLDER,
    PARQUET,
    REFUSED_URLS,
    STATS,
)
from babelsift.pipelines.staging.images import TarFolder
from babelsift.pipelines.staging.layout import STAGED_SCHEMA
from babelsift.schemas import RunFolderError, public_url

_MARK = {
    **dict.fromkeys(("rows", "captions"), is_count),
    "problems": is_list_of_texts,
    "fingerprint": is_object,
}
TAKEN_FROM = "images taken from"  # the fact that names the folder in a manifest
# Columns of the pair are null where the folder does not have them.
IMPORTED_SCHEMA = pa.schema([field.with_nullable(True) for field in STAGED_SCHEMA])
IMPORTED_ROWS = pa.schema([*IMPORTED_SCHEMA, pa.field("staging_shard", pa.int32())])


@dataclass(frozen=True)
class ImportPlan:
    """The shards of a folder, by number.

    Attributes:
        tars: the folder.
        shards: their numbers.
        refused: files in REFUSED_URLS, of URLs that were kept from the downloader which made the folder.
    """

    tars: TarFolder
    shards: tuple[int, ...]
    refused: tuple[str, ...] = ()


def imported_path(shard: int, suffix: str) -> str:
    """Returns the path, within the run folder, of one of an imported shard's files."""
    return f"{IMPORTED_FOLDER}/{shard:05d}{suffix}"


def import_summary(folder: RunFolder, shard: int) -> dict[str, Any]:
    """Returns the commit mark of an imported shard; empty where the shard was not imported."""
    return folder.read_commit_mark(imported_path(shard, STATS), _MARK) or {}


def import_problems(folder: RunFolder, plan: ImportPlan) -> list[str]:
    """Returns what was wrong with the folder's shards, one line each."""
    return [problem for shard in plan.shards for problem in import_summary(folder, shard).get("problems", [])]


def imported_row_count(folder: RunFolder, plan: ImportPlan) -> int:
    """Returns how many rows the folder's shards have."""
    return sum(import_summary(folder, shard).get("rows", 0) for shard in plan.shards)


def imported_shards(folder: RunFolder) -> list[int]:
    """Returns the numbers of the shards that were looked through."""
    return [int(name.removesuffix(STATS)) for name in folder.list(IMPORTED_FOLDER, STATS)]


def finished_import(folder: RunFolder, url: str) -> ImportPlan:
    """Returns the shards that a finished run took from a folder, as they were looked through; that folder is not read.

    Raises:
        RunFolderError: there are none.
    """
    shards = [
        shard
        for shard in imported_shards(folder)
        if import_summary(folder, shard).get("fingerprint", {}).get("source") == public_url(url)
    ]
    if not shards:
        raise RunFolderError(f"{folder.url}: no images were taken from {url}; run `babelsift curate --staging` first")
    refused = folder.list(REFUSED_URLS, PARQUET) if url.endswith(IMG2DATASET_IMAGES) else ()
    return ImportPlan(TarFolder(url, 5), tuple(shards), tuple(refused))


def read_imported(shard: int, folder: RunFolder) -> pa.RecordBatch:
    """Returns what was found of a shard, and its number."""
    with folder.open(imported_path(shard, PARQUET)) as file:
        parquet = pq.ParquetFile(pa.PythonFile(file, mode="r"))
        names = [name for name in IMPORTED_SCHEMA.names if name in parquet.schema_arrow.names]
        table = parquet.read(columns=names)
    for name in [name for name in IMPORTED_SCHEMA.names if name not in names]:  # imported before there was one
        table = table.append_column(name, pa.nulls(len(table), IMPORTED_SCHEMA.field(name).type))
    numbers = pa.array(np.full(len(table), shard), pa.int32())
    columns = [table.column(name).combine_chunks() for name in IMPORTED_SCHEMA.names]
    return pa.RecordBatch.from_arrays([*columns, numbers], schema=IMPORTED_ROWS)
