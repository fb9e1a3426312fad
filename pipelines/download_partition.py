"""One partition's pairs: what is staged already is used again, the rest is downloaded shard by shard."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.download_records import shaping_settings
from pipelines.download_worker import DownloadWorker, ShardTimes
from pipelines.run_folder import RunFolder
from pipelines.staging import (
    StagedShard,
    StagingListing,
    StagingWriter,
    discard_shard,
    fingerprint,
    read_staged_rows,
    staged_shards,
)
from pipelines.staging_layout import shard_name
from schemas.recipe import DownloadSettings


@dataclass(frozen=True)
class StagedBatch:
    """Input rows beside their staged rows, all of one staging shard, sorted by uid.

    Attributes: rows: as they came in. staged: STAGED_SCHEMA. times: None where the download was paid for before.
    """

    shard: int
    rows: pa.RecordBatch
    staged: pa.RecordBatch
    times: ShardTimes | None


class StoppedError(Exception):
    """The bundle that wanted this partition has failed; what is committed is kept for the next attempt."""


@dataclass
class PartitionDownload:
    """Stages partitions of one run folder.

    Attributes: partitions: P, of the run folder. stop: set to end between two shards.
    """

    folder: RunFolder
    settings: DownloadSettings
    partitions: int
    worker: DownloadWorker
    stop: threading.Event

    def stage(self, partition: int, rows: pa.RecordBatch, listing: StagingListing) -> list[StagedBatch]:
        """Returns every row with its staged row, in as many batches as there are shards with such rows.

        Args: rows: uid, url, caption and any others; no uid twice. listing: made before any of the partition's shards
            was written by this process.
        Raises: RunFolderError: staging cannot be read or written. StoppedError: `stop` was set.
        """
        rows = rows.sort_by("uid")
        shaping = shaping_settings(self.settings)
        done, occupied = self._reuse(partition, rows, listing, shaping)
        uids = [uid for batch in done for uid in batch.rows.column("uid").to_pylist()]
        missing = rows.filter(pc.invert(pc.is_in(rows.column("uid"), value_set=pa.array(uids, pa.string()))))
        numbers = (number for number in itertools.count(partition, self.partitions) if number not in occupied)
        size = self.settings.samples_per_staging_shard
        for start in range(0, len(missing), size):
            if self.stop.is_set():
                raise StoppedError
            chunk = missing.slice(start, size)
            with StagingWriter(self.folder, next(numbers), size, shaping) as writer:
                staged, times = self.worker.download(chunk, writer)
            done.append(StagedBatch(writer.shard, chunk, staged, times))
        return done

    def _reuse(
        self, partition: int, rows: pa.RecordBatch, listing: StagingListing, shaping: Mapping[str, Any]
    ) -> tuple[list[StagedBatch], set[int]]:
        """The rows that are staged already, and the numbers of the partition's shards that stay."""
        done: list[StagedBatch] = []
        occupied = set()
        for shard in staged_shards(self.folder, partition, self.partitions, listing=listing):
            why = _why_not_reused(shard, shaping)
            staged = None if why else read_staged_rows(self.folder, shard)
            if shard.is_foreign:
                logging.warning("download: staging shard %s is left alone: %s", shard_name(shard.number), why)
            elif staged is None:
                why = why or "its files are not the ones that were committed"
                logging.warning("download: staging shard %s is redone: %s", shard_name(shard.number), why)
                discard_shard(self.folder, shard.number)
                continue
            else:
                done += match_staged(shard.number, rows, staged, done)
            occupied.add(shard.number)
        return done, occupied


def _why_not_reused(shard: StagedShard, shaping: Mapping[str, Any]) -> str | None:
    if shard.stats is None:
        return "it was not completed"
    if shard.is_foreign:
        return "something else than babelsift wrote it"
    if shard.stats["fingerprint"] == fingerprint(shaping):
        return None
    before = shard.stats.get("settings", {})
    changed = [
        f"{name} was {before.get(name)!r}, now {shaping.get(name)!r}"
        for name in sorted({*before, *shaping})
        if before.get(name) != shaping.get(name)
    ]
    return "; ".join(changed) or "its fingerprint is another"


def match_staged(
    shard: int, rows: pa.RecordBatch, staged: pa.RecordBatch, done: list[StagedBatch]
) -> Iterator[StagedBatch]:
    """Yields the rows that a shard has and no earlier one had, beside what it has of them.

    Args: rows: sorted by uid. staged: the shard's rows. done: of the earlier shards.
    """
    earlier = [uid for batch in done for uid in batch.rows.column("uid").to_pylist()]
    fresh = staged.filter(pc.invert(pc.is_in(staged.column("uid"), value_set=pa.array(earlier, pa.string()))))
    places = pc.index_in(rows.column("uid"), value_set=fresh.column("uid"))
    wanted = np.flatnonzero(np.asarray(places.is_valid()))
    if len(wanted):
        yield StagedBatch(shard, rows.take(pa.array(wanted)), fresh.take(places.drop_null()), None)
