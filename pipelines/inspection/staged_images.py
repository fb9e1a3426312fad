"""What staging holds of all pairs of a run: which staged image is a pair's, its sizes, and where its bytes lie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import read_manifest
from babelsift.pipelines.run_folder.paths import PARQUET
from babelsift.pipelines.staging.images import TarFolder, read_staged_images
from babelsift.pipelines.staging.img2dataset.imported_rows import TAKEN_FROM, finished_import, read_imported
from babelsift.pipelines.staging.layout import SUCCESS, shard_path
from babelsift.pipelines.staging.shards import StagingListing, read_shard
from babelsift.schemas.columns import IMAGE_MEASURES

# What the ledger lacks of a rejected pair's image.
_FILLED = ("width", "height", "original_width", "original_height", "original_bytes", "image_extension")
_FILLED += tuple(measure.name for measure in IMAGE_MEASURES)
_LOCATION = ("key", "staging_shard", "image_extension", "image_offset", "image_size", "image_crc32")
_COLUMNS = tuple(dict.fromkeys(("uid", "url", *_LOCATION, *_FILLED)))
_READS_AT_ONCE = 4


@dataclass(frozen=True)
class Staged:
    """The staged images of a run; failures are left out.

    Attributes:
        folder: of the run.
        rows: uid, url, where an image's bytes lie, and its sizes.
        tars: the imported folder that they lie in; None: the run's own.
    """

    folder: RunFolder
    rows: pa.Table
    tars: TarFolder | None = None

    def rows_of(self, pairs: pa.Table) -> pa.Array:
        """Returns int32[n], which staged image is each pair's: the pair's own, else that of its URL; null for none."""
        if not len(self.rows):
            return pa.nulls(len(pairs), pa.int32())
        own, of_url = (
            pc.index_in(pairs.column(name).combine_chunks(), value_set=self.rows.column(name).combine_chunks())
            for name in ("uid", "url")
        )
        return pc.coalesce(own, of_url)

    def fill(self, pairs: pa.Table, rows: pa.Array) -> pa.Table:
        """Returns the pairs with their images' sizes and measures where they had none.

        Args:
            pairs: n rows.
            rows: int32[n], from `rows_of`.
        """
        for name in _FILLED:
            if name not in self.rows.column_names:
                continue
            column = self.rows.column(name).combine_chunks()
            if name not in pairs.column_names and column.null_count == len(column):
                continue
            values = column.take(rows)
            if name in pairs.column_names:
                index = pairs.column_names.index(name)
                own = pairs.column(index).combine_chunks()
                pairs = pairs.set_column(index, name, pc.coalesce(own, values.cast(own.type)))
            else:
                pairs = pairs.append_column(name, values)
        return pairs

    def image(self, row: int) -> tuple[bytes, str]:
        """Returns (an image file's bytes, its extension), read by its range.

        Raises:
            RunFolderError: it is gone, or not what was stored.
        """
        location = self.rows.slice(row, 1).select(_LOCATION).combine_chunks().to_batches()[0]
        extension = location.column("image_extension")[0].as_py()
        [content] = read_staged_images(self.folder, location, tars=self.tars, discards=False)
        return content, extension


def read_staged(folder: RunFolder, *, with_digests: bool = False, of: pa.Table | None = None) -> Staged:
    """Returns what a run folder has staged, whole shards alone, the shard that was finished last first.

    Args:
        folder: of the run.
        with_digests: with the sha256 of each image, by which values of images are stored, and the hashes of its pixels.
        of: with uid and url: large_string: only what is staged of these pairs and URLs; None: all.
    """
    names = (*_COLUMNS, "sha256", "pixels_digest", "phash") if with_digests else _COLUMNS
    manifest = read_manifest(folder)
    taken_from = None if manifest is None else manifest.facts.get(TAKEN_FROM)
    if taken_from is not None:
        plan = finished_import(folder, taken_from)
        return Staged(folder, _successes((read_imported(shard, folder) for shard in plan.shards), names, of), plan.tars)
    return Staged(folder, _successes(_own_shards(folder, names), names, of))


def _own_shards(folder: RunFolder, names: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    """Yields what was committed; damage is met when an image is read, whose header and checksum are compared."""
    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        listed = sorted(StagingListing(folder).numbers.items())
        shards = list(pool.map(lambda entry: read_shard(folder, *entry), listed))
        whole = [shard for shard in shards if shard.stats is not None and not shard.is_foreign]
        whole.sort(key=lambda shard: (-shard.end_time, -shard.number))
        for rows in pool.map(lambda shard: _located(folder, shard.number, names), whole):
            yield from rows


def _located(folder: RunFolder, shard: int, names: tuple[str, ...]) -> list[pa.RecordBatch]:
    try:
        with folder.open(shard_path(shard, PARQUET)) as file:
            parquet = pq.ParquetFile(file)
            table = parquet.read(columns=[name for name in (*names, "status") if name in parquet.schema_arrow.names])
    except (FileNotFoundError, pa.ArrowException):
        return []
    number = pa.array(np.full(len(table), shard), pa.int32())
    return table.append_column("staging_shard", number).combine_chunks().to_batches()


def _successes(batches: Iterable[pa.RecordBatch], names: tuple[str, ...], of: pa.Table | None = None) -> pa.Table:
    tables = []
    for batch in batches:
        images = batch.filter(pc.equal(batch.column("status"), SUCCESS))
        if of is not None:
            is_asked = [
                pc.is_in(images.column(name).cast(pa.large_string()), of.column(name)) for name in ("uid", "url")
            ]
            images = images.filter(pc.or_(*is_asked))
        tables.append(pa.Table.from_batches([images.select([name for name in names if name in batch.schema.names])]))
    if not tables:
        return pa.table({name: pa.array([], pa.large_string()) for name in ("uid", "url")})
    rows = pa.concat_tables(tables, promote_options="permissive")
    for name in ("uid", "url"):
        rows = rows.set_column(rows.column_names.index(name), name, rows.column(name).cast(pa.large_string()))
    return rows.combine_chunks()
