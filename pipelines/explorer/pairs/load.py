"""All pairs of a finished run in one Arrow table: those of the shards, then those of the ledger, in order of files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.explorer.pairs.made import OF_IMAGES, with_made, with_scores
from babelsift.pipelines.inspection.finished import FinishedRun
from babelsift.pipelines.inspection.staged_images import Staged, read_staged
from babelsift.pipelines.run_folder.paths import PARQUET
from babelsift.pipelines.run_folder.shard_layout import SPLITS
from babelsift.schemas import Recipe, RunFolderError, one_line

KEPT, REJECTED = "kept", "rejected"
FATE, SPLIT, SHARD, STAGED_ROW = "fate", "split", "shard", "staged_row"
# Long, and the same row of the shard's own table has them: a pair's page reads them there.
_LEFT_IN_FILES = {"sha256", "exif", "extra_values", "matched_entries"}
_REPEATED = ("source_file", "language", "stage", "reason", "threshold")
_READS_AT_ONCE = 8


def load_pairs(run: FinishedRun, recipe: Recipe | None = None) -> tuple[pa.Table, Staged]:
    """Returns (a row a pair, in one chunk; what is staged, which `staged_row` counts into).

    Columns are those of the shards and of the ledger, null where the other has none, and `fate`, `split`, `shard`,
    `staged_row` (null: nothing is staged). What staging knows of rejected pairs' images and similarities is filled in.

    Args:
        run: finished, local or on any object store.
        recipe: that judged its pairs; None: it cannot be read, and columns that it made are as the files have them.

    Raises:
        RunFolderError: a file of it cannot be read.
    """
    try:
        with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
            kept = pool.submit(_kept, run)
            rejected = pool.submit(lambda: run.rejects().to_table())
            of_images = recipe is not None and any(column.of in OF_IMAGES for column in recipe.made_columns)
            staged = pool.submit(read_staged, run.folder, with_digests=of_images)
            tables = [kept.result(), _marked(rejected.result(), REJECTED)]
    except (OSError, pa.ArrowException, ValueError) as error:
        raise RunFolderError(f"cannot read the pairs of {run.folder.url}: {one_line(error)}") from error
    pairs = pa.concat_tables(map(_packed, tables), promote_options="permissive").unify_dictionaries().combine_chunks()
    found = staged.result()
    rows = found.rows_of(pairs)
    pairs = found.fill(pairs, rows).append_column(STAGED_ROW, rows)
    return with_made(with_scores(pairs, run.folder, recipe), found, recipe), found


def _kept(run: FinishedRun) -> pa.Table:
    """The shards' rows, with the split and the number of their shard, for images are found in it."""
    shards: list[pa.Table] = []
    paths = [(name, path) for name, split in SPLITS.items() for path in run.folder.list(split.folder, PARQUET)]

    def read(shard: tuple[str, str]) -> pa.Table:
        split, name = shard
        with run.folder.open(SPLITS[split].folder, name) as file:
            parquet = pq.ParquetFile(file)
            wanted = [field.name for field in parquet.schema_arrow if _is_shown(field)]
            table = parquet.read(columns=wanted)
        number = pa.array(np.full(len(table), int(name.removesuffix(PARQUET))), pa.int32())
        return _marked(table, KEPT, split).append_column(SHARD, number)

    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        shards = list(pool.map(read, paths))
    return pa.concat_tables(shards, promote_options="permissive") if shards else pa.table({})


def _is_shown(field: pa.Field) -> bool:
    kind = field.type
    is_wide = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    return field.name not in _LEFT_IN_FILES and not is_wide and not pa.types.is_nested(kind)


def _marked(table: pa.Table, fate: str, split: str | None = None) -> pa.Table:
    table = table.append_column(FATE, pa.repeat(pa.scalar(fate), len(table)).dictionary_encode())
    splits = pa.nulls(len(table), pa.string()) if split is None else pa.repeat(pa.scalar(split), len(table))
    return table.append_column(SPLIT, splits.dictionary_encode())


def _packed(table: pa.Table) -> pa.Table:
    """Texts with 64-bit offsets, so that a column of any length is one chunk; repeated words once each."""
    for index, field in enumerate(table.schema):
        column = table.column(index)
        if field.name in _REPEATED and not pa.types.is_dictionary(field.type):
            table = table.set_column(index, field.name, column.cast(pa.string()).dictionary_encode())
        elif pa.types.is_string(field.type) or pa.types.is_string_view(field.type):
            table = table.set_column(index, field.name, column.cast(pa.large_string()))
    # The ledger has no value in many a column that shards have for every row.
    return table.cast(pa.schema([field.with_nullable(True).remove_metadata() for field in table.schema]))
