"""A finished run folder as a source: pairs from shards and ledger, images' records; no web."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.pipelines.core.batches import concat
from babelsift.pipelines.core.split_by_partition import SplitByPartition
from babelsift.pipelines.core.stage_outputs import REJECTED, StageOutputs, emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.replay.stored_languages import with_stored_languages
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import REJECTS
from babelsift.pipelines.run_folder.shard_layout import SPLITS
from babelsift.pipelines.stages.read import ROWS_READ
from babelsift.pipelines.staging.hash_lists import read_hash_lists, with_listed
from babelsift.pipelines.staging.partitions import BY_UID, Partitioning, SplitDomains, read_split_domains
from babelsift.pipelines.staging.shards import StagingListing, read_staged_rows, staged_shards
from babelsift.pipelines.staging.staged_rows import FoundShard, latest_staged, split_staged
from babelsift.schemas import (
    LEDGER_SCHEMA,
    READ_SCHEMA,
    RejectReason,
    RunFolderError,
    Stage,
    ledger_rows,
)
from babelsift.schemas.recipe import DownloadSettings

_BATCH_ROWS = 10_000


@dataclass
class StoredPairs(Transform):
    """The pairs of a finished run, from its shards and its ledger: READ_SCHEMA, with the outputs of ReadPairs.

    Carried columns are not read: the ledger does not have them.

    Attributes:
        folder: the run folder.
        languages: adds the languages that the run found, for `StoredLanguages`.
    """

    folder: RunFolder
    languages: bool = False

    def expand(self, pbegin: beam.pvalue.PBegin) -> StageOutputs:
        """Reads one file after another."""
        shards = [
            f"{split.folder}/{name}" for split in SPLITS.values() for name in self.folder.list(split.folder, ".parquet")
        ]
        rejects = [f"{REJECTS}/{name}" for name in self.folder.list(REJECTS, ".parquet")]
        stored = beam.ParDo(_ReadStored(self.folder, self.languages))
        files = pbegin | "Files" >> beam.Create([*shards, *rejects], reshuffle=False)
        read = files | "Read" >> kept_and_rejected(stored, {ROWS_READ: tuple[int, int]})
        return StageOutputs({"kept": read.kept, REJECTED: read[REJECTED], ROWS_READ: read[ROWS_READ]})


class _ReadStored(beam.DoFn):
    def __init__(self, folder: RunFolder, languages: bool) -> None:
        self._folder, self._languages = folder, languages

    def process(self, path: str) -> Iterator[object]:
        for batch in _batches(self._folder, path):
            yield beam.pvalue.TaggedOutput(ROWS_READ, (len(batch), len(batch)))
            unread = np.zeros(len(batch), bool)
            if "stage" in batch.schema.names:
                unread = np.asarray(batch.column("stage").to_pylist(), dtype=object) == Stage.READ.value
                unread |= batch.column("caption").is_null().to_numpy(zero_copy_only=False)  # on a hash list
            rows = batch.take(pa.array(np.flatnonzero(~unread)))
            pairs = rows.select(READ_SCHEMA.names).cast(READ_SCHEMA)
            if self._languages:
                pairs = with_stored_languages(pairs, rows)
            gone = batch.take(pa.array(np.flatnonzero(unread)))
            rejected = [gone.select(LEDGER_SCHEMA.names).cast(LEDGER_SCHEMA)] if len(gone) else []
            yield from emit(Stage.READ, len(batch), [pairs], rejected)


def _batches(folder: RunFolder, path: str) -> Iterator[pa.RecordBatch]:
    try:
        with folder.open(path) as file:
            yield from pq.ParquetFile(file).iter_batches(_BATCH_ROWS)
    except (OSError, pa.ArrowException) as error:
        raise RunFolderError(
            f"cannot read {folder.path(path)}: {' '.join(str(error).split())}; run `babelsift curate` again"
        ) from error


@dataclass
class StoredImages(Transform):
    """Replaces DownloadImages: looks each pair's download up in staging, and downloads nothing.

    Pairs that were never downloaded are REJECTED as not_stored.
    """

    folder: RunFolder
    settings: DownloadSettings
    partitions: int
    first_partitions: int | None = None
    version: int = BY_UID

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Brings each partition's rows together and looks them up."""
        parting, domains = Partitioning(self.partitions, self.version), read_split_domains(self.folder)
        split = beam.ParDo(SplitByPartition(partial(parting, split=domains)))
        first = self.first_partitions or self.partitions
        look = beam.ParDo(_LookUpImages(self.folder, self.settings, first, parting, domains))
        return (
            batches
            | "Split" >> split.with_output_types(tuple[int, pa.RecordBatch])
            | "GroupByPartition" >> beam.GroupByKey()
            | "LookUp" >> kept_and_rejected(look)
        )


class _LookUpImages(beam.DoFn):
    def __init__(
        self,
        folder: RunFolder,
        settings: DownloadSettings,
        first_partitions: int,
        parting: Partitioning,
        split: SplitDomains,
    ) -> None:
        self._folder, self._settings, self._first = folder, settings, first_partitions
        self._parting, self._split = parting, split

    def setup(self) -> None:
        self._lists = read_hash_lists(self._settings.hash_lists)

    def start_bundle(self) -> None:
        self._listing = StagingListing(self._folder)

    def process(self, element: tuple[int, Iterable[pa.RecordBatch]]) -> Iterator[object]:
        partition, batches = element
        rows = concat(list(batches)).sort_by("uid")
        shards: list[FoundShard] = []
        earlier = self._parting.earlier_partitions(rows.column("url"), self._split)
        places = sorted({number % self._first for number in (partition, *earlier)})
        found_shards = (staged_shards(self._folder, place, self._first, listing=self._listing) for place in places)
        for shard in chain.from_iterable(found_shards):
            staged = None if shard.stats is None or shard.is_foreign else read_staged_rows(self._folder, shard)
            if staged is not None:
                shards.append(FoundShard(shard.number, shard.end_time, with_listed(staged, self._lists)))
        staged_batches = list(latest_staged(rows, shards))
        for batch in staged_batches:
            kept, rejected = split_staged(batch, self._settings)
            yield from emit(Stage.DOWNLOAD, len(batch.rows), [kept], [rejected])
        known = pa.array([uid for batch in staged_batches for uid in batch.rows.column("uid").to_pylist()], pa.string())
        missing = rows.filter(pc.invert(pc.is_in(rows.column("uid"), value_set=known)))
        reasons, nothing = [RejectReason.NOT_STORED.value] * len(missing), [None] * len(missing)
        gone = ledger_rows(missing, stage=Stage.DOWNLOAD, reasons=reasons, values=nothing, thresholds=nothing)
        yield from emit(Stage.DOWNLOAD, len(missing), [], [gone])
