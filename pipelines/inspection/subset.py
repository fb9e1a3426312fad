"""The uids of a run's pairs as DataComp's tools take a subset: one sorted array of 128-bit numbers."""

from __future__ import annotations

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.filters.uids import uid_bytes
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.shard_layout import TRAIN
from babelsift.pipelines.storage.errors import storage_failures
from babelsift.schemas import RunFolderError, public_url

_NO_UIDS = pa.array([], pa.string())
SUBSET_DTYPE = np.dtype("u8,u8")


def write_subset(folder: RunFolder, file: str, *, column: str = "uid", images: bool = False) -> int:
    """Writes the uids of the training shards' pairs, sorted; returns how many. Takes 32 bytes of memory a pair.

    Args:
        folder: the run folder.
        file: the .npy file to write, any fsspec URL: (uint64, uint64)[pairs].
        column: the shards' column of uids.
        images: of each image only the uid of its chosen text.

    Raises:
        RunFolderError: there are no shards, or their column is not one of uids, or the file cannot be written.
    """
    names = folder.list(TRAIN.folder, ".parquet")
    if not names:
        raise RunFolderError(f"{folder.url}: has no shards; run `babelsift curate` first")
    uids = np.concatenate([_uids_of(folder, f"{TRAIN.folder}/{name}", column, images) for name in names])
    uids = uids[np.lexsort((uids["f1"], uids["f0"]))]
    what = f"cannot write {public_url(file)}"
    with storage_failures(RunFolderError, what), fsspec.open(file, "wb") as target:
        np.lib.format.write_array(target, uids, allow_pickle=False)
    return len(uids)


def _uids_of(folder: RunFolder, path: str, column: str, images: bool) -> np.ndarray:
    with folder.open(path) as file:
        parquet = pq.ParquetFile(file)
        if column not in parquet.schema_arrow.names:
            columns = ", ".join(parquet.schema_arrow.names)
            raise RunFolderError(f"{folder.path(path)}: has no column {column!r}; it has {columns}")
        kind = parquet.schema_arrow.field(column).type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
            raise RunFolderError(f"{folder.path(path)}: column {column!r} holds {kind}, not uids of 32 hex digits")
        texts = pa.concat_arrays(parquet.read(columns=[column]).column(0).cast(pa.string()).chunks or [_NO_UIDS])
        if images:  # the chosen text of each comes first
            keys = np.asarray(parquet.read(columns=["key"]).column(0).to_pylist(), dtype=object)
            texts = texts.filter(pa.array(np.append(True, keys[1:] != keys[:-1])[: len(keys)], pa.bool_()))
    try:
        return uid_bytes(texts).view(">u8,>u8").astype(SUBSET_DTYPE)
    except (ValueError, pa.ArrowException) as error:
        raise RunFolderError(f"{folder.path(path)}: column {column!r} is not of uids: {error}") from error
