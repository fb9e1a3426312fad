"""Scores, embeddings and columns' values without those of what was removed."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.removal.swap import Swap, swapping
from babelsift.pipelines.removal.tables import read_rows
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import PARQUET
from babelsift.pipelines.run_folder.tombstones import VALUE, Tombstones
from babelsift.pipelines.staging.columns.column_store import COLUMNS_FOLDER, DIGEST
from babelsift.pipelines.staging.scores.embedding_checksums import EMBEDDINGS, checksum_metadata
from babelsift.pipelines.staging.scores.score_cleanup import remove_orphans
from babelsift.pipelines.staging.scores.score_store import SCORES_FOLDER
from babelsift.schemas import Recipe

_BY_DIGEST = ("caption", "url", "image", "pair", "embedding")  # of what columns' values are found by a pair alone


def purge_scores(folder: RunFolder, removed: Tombstones) -> int:
    """Removes scores, embeddings and heads' scores; returns how many scores.

    A chunk keeps its number, so that those after it are found.

    Raises:
        RunFolderError: a file cannot be read or written.
    """
    remove_orphans(folder)
    scores = 0
    for model in folder.folders(SCORES_FOLDER):
        for metadata in ("metadata", "metadata_only"):
            for name in folder.list(f"{SCORES_FOLDER}/{model}/{metadata}", PARQUET):
                scores += _purge_chunk(folder, f"{SCORES_FOLDER}/{model}", metadata, name, removed)
    return scores


def _purge_chunk(folder: RunFolder, root: str, metadata: str, name: str, removed: Tombstones) -> int:
    path, chunk = f"{root}/{metadata}/{name}", name.removeprefix("metadata_").removesuffix(PARQUET)
    rows = read_rows(folder, path, or_none=True)
    matrices = [f"{kind}/{kind}_{chunk}.npy" for kind in EMBEDDINGS]
    matrices += [f"heads/{head}/head_{chunk}.npy" for head in folder.folders(f"{root}/heads")]
    files = [f"{root}/{matrix}" for matrix in matrices] if metadata == "metadata" else []
    if rows is None:  # damaged: it does not count, and is scored again
        for of_chunk in files:
            folder.remove(of_chunk)
        folder.write(path, b"")
        return 0
    goes = removed.are_pairs(rows) | removed.are_images(rows)
    if not goes.any():
        return 0
    with swapping(folder) as swap:
        checksums = dict(rows.schema.metadata or {})
        for of_chunk in files:
            kind = of_chunk.removeprefix(f"{root}/").partition("/")[0]
            left = filter_matrix(swap, folder, of_chunk, ~goes)
            if left is not None and kind in EMBEDDINGS:
                checksums |= {key.encode(): value for key, value in checksum_metadata(kind, left).items()}
        left_rows = rows.filter(pa.array(~goes)).replace_schema_metadata(checksums)
        with swap.writing(path) as file:
            pq.write_table(left_rows, file, compression="zstd", write_page_checksum=True)
    return int(goes.sum())


def filter_matrix(swap: Swap, folder: RunFolder, path: str, stays: np.ndarray) -> np.ndarray | None:
    """Writes the rows of a .npy file that stay; returns them, or None where there is no such file, or it is damaged.

    Args:
        swap: takes the new version; a damaged one has no rows.
        folder: the run folder.
        path: of the file.
        stays: bool[n].
    """
    try:
        matrix = np.load(io.BytesIO(folder.read(path)), allow_pickle=False)
        left = matrix[stays]
    except FileNotFoundError:
        return None
    except (ValueError, IndexError, EOFError) as error:
        logging.warning("remove: %s is damaged (%s): its chunk is made again", folder.path(path), error)
        swap.write_bytes(path, b"")
        return None
    with swap.writing(path) as file:
        np.lib.format.write_array(file, left, allow_pickle=False)
    return left


def purge_values(folder: RunFolder, removed: Tombstones, recipe: Recipe | None) -> int:
    """Removes columns' values; returns how many.

    Values that are found by whole rows cannot be told from others by what is left of a pair: all of such a column go,
    and are made again when a run wants them.

    Args:
        folder: the run folder.
        removed: what goes.
        recipe: of the product, which says what its columns are of; None: nothing does.

    Raises:
        RunFolderError: a file cannot be read or written.
    """
    of_columns = {} if recipe is None else {column.name: column.of for column in recipe.made_columns}
    values = 0
    for store in folder.folders(COLUMNS_FOLDER):
        for name in folder.list(f"{COLUMNS_FOLDER}/{store}", PARQUET):
            values += _purge_file(folder, f"{COLUMNS_FOLDER}/{store}/{name}", of_columns, removed)
    return values


def _purge_file(folder: RunFolder, path: str, of_columns: Mapping[str, str], removed: Tombstones) -> int:
    _, _, store, name = path.split("/")
    rows = read_rows(folder, path, or_none=True)
    if rows is None:
        folder.write(path, b"")  # damaged already: made again
        return 0
    gone = removed.of(VALUE)
    is_text = "-of-" in name
    if is_text and gone and of_columns.get(store.rpartition("-")[0]) not in _BY_DIGEST:
        goes = np.ones(len(rows), bool)
    else:
        goes = np.array([digest in gone for digest in rows.column(DIGEST).to_pylist()], bool)
    if goes.any():
        with folder.writing(path) as file:
            pq.write_table(rows.filter(pa.array(~goes)), file, compression="zstd", write_page_checksum=True)
    return int(goes.sum())
