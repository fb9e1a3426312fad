"""Fills in the values that models and functions gave to rejected pairs: stores have them, the ledger does not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.filters.uids import compute_uids
from babelsift.pipelines.inspection.staged_images import Staged
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import PARQUET
from babelsift.pipelines.staging.columns.column_store import COLUMNS_FOLDER, DIGEST, ERROR
from babelsift.pipelines.staging.columns.digests import thing_digests
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.pipelines.staging.scores.stores_of_folder import score_stores
from babelsift.pipelines.staging.shards import StagingListing
from babelsift.schemas import Recipe, similarity_column
from babelsift.schemas.recipe import Column

OF_IMAGES = ("image", "pair", "embedding")  # whose digests are of what staging says of an image


def with_scores(pairs: pa.Table, folder: RunFolder, recipe: Recipe | None) -> pa.Table:
    """Returns pairs with the similarities and heads' scores that are stored of them, where they had none.

    Args:
        pairs: with the column uid.
        folder: of the run.
        recipe: of the run; tells classifiers from CLIP models, and names the heads. None: it cannot be read.
    """
    scored = scored_uids(pairs, recipe)
    classifiers = {head.name for head in recipe.all_heads if head.classifier} if recipe else set()
    for store in score_stores(folder):
        tables = [table for where in ("metadata", "metadata_only") for table in _score_tables(store, where)]
        if tables:
            column = store.name if store.name in classifiers else similarity_column(store.name)
            stored = pa.concat_tables(tables)
            pairs = _filled(pairs, scored, column, stored.column("uid"), stored.column("similarity"))
        for head in recipe.head_names if recipe else ():
            pairs = _with_head(pairs, scored, store, head)
    return pairs


def scored_uids(pairs: pa.Table, recipe: Recipe | None) -> pa.Array:
    """Returns large_string[n], the uid by which each pair's scores are stored: of its caption as edits have left it.

    Args:
        pairs: with uid, url and caption.
        recipe: of the run.
    """
    uids = pairs.column("uid").combine_chunks()
    if recipe is None or not recipe.caption_edits:
        return uids
    url, caption = (pairs.column(name).combine_chunks() for name in ("url", "caption"))
    is_pair = pc.and_(url.is_valid(), caption.is_valid())
    now = compute_uids(pc.fill_null(url, "").cast(pa.string()), pc.fill_null(caption, "").cast(pa.string()))
    return pc.if_else(is_pair, now.cast(pa.large_string()), uids)


def with_made(pairs: pa.Table, staged: Staged, recipe: Recipe | None) -> pa.Table:
    """Returns pairs with the values that the recipe's columns have of them, where they had none.

    A column of which several makers' values are stored is left as it is: the folder does not say whose the run's are.

    Args:
        pairs: as `with_scores` takes them, and `staged_row`.
        staged: of the run; with digests, where columns are of images.
        recipe: see there.
    """
    for column in recipe.made_columns if recipe else ():
        stored = _stored_values(staged.folder, column.name)
        if stored is None or column.of == "row":
            continue
        rows, digests = _digests(pairs, staged, column)
        places = pc.index_in(digests, value_set=stored.column(DIGEST).combine_chunks())
        for field in stored.schema.names:
            if field not in (DIGEST, ERROR):
                values = stored.column(field).combine_chunks().take(places)
                name = column.name if field == "value" else f"{column.name}_{field}"
                pairs = _put(pairs, name, _spread(values, rows, len(pairs)))
    return pairs


def _score_tables(store: ScoreStore, metadata: str) -> Iterator[pa.Table]:
    for name in store.folder.list(f"{store.root}/{metadata}", PARQUET):
        try:
            with store.folder.open(store.root, metadata, name) as file:
                yield pq.read_table(file, columns=["uid", "similarity"]).replace_schema_metadata(None)
        except pa.ArrowException:  # an emptied commit mark: its pairs are scored again by the next run
            continue


def _with_head(pairs: pa.Table, scored: pa.Array, store: ScoreStore, head: str) -> pa.Table:
    stored = [name for name in store.folder.folders(f"{store.root}/heads") if name.rpartition("-")[0] == head]
    if len(stored) != 1:  # of several, none says which is the run's
        return pairs
    uids, scores = [], []
    for shard in sorted(StagingListing(store.folder).numbers):
        for chunk, table in store.chunks(shard):
            values = store.stored_head_scores(shard, chunk, stored[0], len(table))
            if values is not None:
                uids.append(table.column("uid").combine_chunks())
                scores.append(pa.array(values, from_pandas=True))
    return _filled(pairs, scored, head, pa.chunked_array(uids), pa.chunked_array(scores)) if uids else pairs


def _filled(pairs: pa.Table, scored: pa.Array, name: str, uids: pa.ChunkedArray, values: pa.ChunkedArray) -> pa.Table:
    places = pc.index_in(scored, value_set=uids.combine_chunks().cast(pa.large_string()))
    return _put(pairs, name, values.combine_chunks().take(places))


def _put(pairs: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """Fills a column's nulls, or adds the column where any value is known."""
    if name in pairs.column_names:
        index = pairs.column_names.index(name)
        own = pairs.column(index).combine_chunks()
        return pairs.set_column(index, name, pc.coalesce(own, values.cast(own.type)))
    return pairs if values.null_count == len(values) else pairs.append_column(name, values)


def _stored_values(folder: RunFolder, name: str) -> pa.Table | None:
    makers = [maker for maker in folder.folders(COLUMNS_FOLDER) if maker.rpartition("-")[0] == name]
    if len(makers) != 1:
        return None
    tables = []
    for file_name in folder.list(f"{COLUMNS_FOLDER}/{makers[0]}", PARQUET):
        try:
            with folder.open(COLUMNS_FOLDER, makers[0], file_name) as file:
                tables.append(pq.read_table(file))
        except pa.ArrowException:  # damaged: the next run makes it again
            continue
    return pa.concat_tables(tables) if tables else None


def _digests(pairs: pa.Table, staged: Staged, column: Column) -> tuple[np.ndarray, pa.Array]:
    """Returns (int[k], the rows whose thing is known; their digests)."""
    things: dict[str, pa.Array] = {"caption": pairs.column("caption"), "url": pairs.column("url")}
    if column.of in OF_IMAGES:
        if not {"sha256", "image_size"} <= set(staged.rows.column_names):
            return np.empty(0, np.int64), pa.array([], pa.binary(16))
        images = staged.rows.select(["sha256", "image_size"]).take(pairs.column("staged_row").combine_chunks())
        things |= {"sha256": images.column("sha256"), "image_size": images.column("image_size")}
        names = ["sha256", "image_size", "caption"]
    else:
        names = [column.of]
    rows = np.flatnonzero(np.logical_and.reduce([things[name].is_valid().to_numpy() for name in names]))
    arrays = [_plain(things[name].take(pa.array(rows))) for name in names]
    return rows, thing_digests(pa.RecordBatch.from_arrays(arrays, names=names), column.of)


def _plain(values: pa.ChunkedArray) -> pa.Array:
    array = values.combine_chunks()
    return array.cast(pa.string()) if pa.types.is_large_string(array.type) else array


def _spread(values: pa.Array, rows: np.ndarray, length: int) -> pa.Array:
    """Returns an array of a length that has the values in some rows, null elsewhere."""
    places = np.full(length, -1, np.int64)
    places[rows] = np.arange(len(rows))
    return values.take(pa.array(places, mask=places < 0))
