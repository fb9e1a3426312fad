"""Images of earlier run folders: the hashes of the pairs that they kept, from their staging; no image is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.run_folder.finished_run import look_into, read_kept
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import PARQUET, STATS
from babelsift.pipelines.stages.dedup.images.image_hashes import EARLIER_RANK, with_ranks
from babelsift.pipelines.staging.layout import SUCCESS, shard_path
from babelsift.pipelines.staging.shards import StagingListing, read_shard, read_staged_rows
from babelsift.schemas import InputError

_SETTING = "dedup_images.earlier"


@dataclass(frozen=True)
class EarlierShard:
    """A staging shard of an earlier run folder."""

    folder: RunFolder
    number: int


def plan_earlier_images(folders: Sequence[str]) -> tuple[EarlierShard, ...]:
    """Returns the staging shards of run folders.

    Args:
        folders: of finished runs, any fsspec URLs.

    Raises:
        InputError: one is no finished run folder, or its staging is gone.
    """
    shards = []
    for url in folders:
        folder, staged = look_into(url, lambda folder: StagingListing(folder).numbers, setting=_SETTING)
        if not staged:
            raise InputError(f"{_SETTING} {url!r} has no staging: its hashes are gone; keep staging/images")
        shards += [EarlierShard(folder, number) for number, files in sorted(staged.items()) if STATS in files]
    return tuple(shards)


@dataclass
class ReadEarlierImages(Transform):
    """Reads the hash rows (see `image_hashes`) of what earlier runs kept; they rank before any row of this run."""

    shards: tuple[EarlierShard, ...]

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[pa.RecordBatch]:
        """Reads shard by shard."""
        shards = pbegin | "Shards" >> beam.Create(self.shards)
        return shards | "ReadStaged" >> beam.ParDo(_ReadKept()).with_output_types(pa.RecordBatch)


class _ReadKept(beam.DoFn):
    """Reads a staging shard's rows that the run kept; a run's uids are read once a worker."""

    def setup(self) -> None:
        self._kept: dict[str, tuple[pa.Array, pa.Array]] = {}

    def process(self, element: EarlierShard) -> Iterator[pa.RecordBatch]:
        folder = element.folder
        if folder.url not in self._kept:
            self._kept[folder.url] = kept_pairs(folder)
        shard = read_shard(folder, element.number, {STATS: None})
        if shard.is_foreign:
            return
        rows = None if shard.stats is None else read_staged_rows(folder, shard)
        if rows is None:
            path = folder.path(shard_path(element.number, PARQUET))
            raise InputError(f"{_SETTING}: {path} is not what was committed; run {folder.url} again")
        rows = rows.filter(pc.equal(rows.column("status"), SUCCESS))
        uids, urls = self._kept[folder.url]
        # A staged row has but one of the uids that its image may be kept by.
        is_kept = pc.or_(pc.is_in(rows.column("uid"), value_set=uids), pc.is_in(rows.column("url"), value_set=urls))
        rows = rows.filter(is_kept)
        if len(rows):
            yield with_ranks(rows, pa.array(np.full(len(rows), EARLIER_RANK, dtype=np.uint64)))


def kept_pairs(folder: RunFolder) -> tuple[pa.Array, pa.Array]:
    """Returns (the uids, the URLs) in a run folder's shards; shards without URLs have none.

    Raises:
        InputError: a shard's table cannot be read.
    """
    uids = read_kept(folder, ["uid"], setting=_SETTING).column("uid").cast(pa.string()).unique()
    try:
        urls = read_kept(folder, ["url"], setting=_SETTING).column("url").cast(pa.string()).unique()
    except InputError:
        return uids, pa.array([], pa.string())
    return uids, urls
