"""One partition's pairs: what is staged already is used again, the rest is downloaded shard by shard."""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.shaping_settings import shaping_settings
from babelsift.pipelines.stages.download.retry import NO_RETRY, Retry
from babelsift.pipelines.stages.download.worker import DownloadWorker
from babelsift.pipelines.staging.layout import shard_name
from babelsift.pipelines.staging.shards import (
    StagedShard,
    StagingListing,
    StagingWriter,
    discard_shard,
    read_staged_rows,
    staged_shards,
    why_not_reused,
)
from babelsift.pipelines.staging.staged_rows import FoundShard, StagedBatch, latest_staged
from babelsift.schemas.recipe import DownloadSettings

# A shard's last URLs are its slowest; meanwhile the next one's come in.
_SHARDS_UNDER_WAY = 2


class StoppedError(Exception):
    """The bundle that wanted this partition has failed; what is committed is kept for the next attempt."""


@dataclass
class PartitionDownload:
    """Stages partitions of one run folder.

    Attributes:
        folder: the run folder.
        settings: how images are fetched and stored.
        partitions: of the run folder.
        worker: downloads the shards.
        stop: set to end between two shards.
        retry: failures to try again.
        first_partitions: P when the folder was made, of which `partitions` is a multiple; None: it is still the same.
    """

    folder: RunFolder
    settings: DownloadSettings
    partitions: int
    worker: DownloadWorker
    stop: threading.Event
    retry: Retry = NO_RETRY
    first_partitions: int | None = None

    def stage(self, partition: int, rows: pa.RecordBatch, listing: StagingListing) -> list[StagedBatch]:
        """Returns every row with its staged row, in as many batches as there are shards with such rows.

        Args:
            rows: uid, url, caption and any others; no uid twice.
            listing: made before any of the partition's shards was written by this process.

        Raises:
            RunFolderError: staging cannot be read or written.
            StoppedError: `stop` was set.
        """
        rows = rows.sort_by("uid")
        shaping = shaping_settings(self.settings)
        done, occupied = self._reuse(partition, rows, listing, shaping)
        uids = [uid for batch in done for uid in batch.rows.column("uid").to_pylist()]
        missing = rows.filter(pc.invert(pc.is_in(rows.column("uid"), value_set=pa.array(uids, pa.string()))))
        numbers = (number for number in itertools.count(partition, self.partitions) if number not in occupied)
        size = self.settings.samples_per_staging_shard
        under_way: deque[Future[StagedBatch]] = deque()
        with ThreadPoolExecutor(_SHARDS_UNDER_WAY, thread_name_prefix="shard") as threads:
            for start in range(0, len(missing), size):
                if len(under_way) == _SHARDS_UNDER_WAY:
                    done.append(under_way.popleft().result())
                under_way.append(threads.submit(self._download, shaping, missing.slice(start, size), next(numbers)))
            done.extend(shard.result() for shard in under_way)
        return done

    def _download(self, shaping: Mapping[str, Any], rows: pa.RecordBatch, shard: int) -> StagedBatch:
        if self.stop.is_set():
            raise StoppedError
        with StagingWriter(self.folder, shard, self.settings.samples_per_staging_shard, shaping) as writer:
            staged, times = self.worker.download(rows, writer)
        return StagedBatch(shard, rows, staged, times)

    def _reuse(
        self, partition: int, rows: pa.RecordBatch, listing: StagingListing, shaping: Mapping[str, Any]
    ) -> tuple[list[StagedBatch], set[int]]:
        """The rows that are staged already, and the numbers of the partition's shards that stay."""
        first = self.first_partitions or self.partitions
        found: list[FoundShard] = []
        occupied = set()
        for shard in staged_shards(self.folder, partition % first, first, listing=listing):
            is_own = shard.number % self.partitions == partition
            why = why_not_reused(shard, shaping)
            staged = None if why else read_staged_rows(self.folder, shard)
            if staged is not None:
                found.append(self._still_valid(shard, staged))
            elif shard.is_foreign:
                logging.warning("download: staging shard %s is left alone: %s", shard_name(shard.number), why)
            elif is_own:  # of the partitions that it has rows of, after the folder grew, one takes it away
                why = why or "its files are not the ones that were committed"
                logging.warning("download: staging shard %s is redone: %s", shard_name(shard.number), why)
                discard_shard(self.folder, shard.number)
                continue
            if is_own:
                occupied.add(shard.number)
        return list(latest_staged(rows, found)), occupied

    def _still_valid(self, shard: StagedShard, staged: pa.RecordBatch) -> FoundShard:
        """A shard's rows without the failures that are to be tried again."""
        end_time = shard.end_time
        if end_time < self.retry.before:
            failures = zip(staged.column("reason").to_pylist(), staged.column("detail").to_pylist(), strict=True)
            staged = staged.filter(pa.array([not self.retry.wants(*failure) for failure in failures], pa.bool_()))
        return FoundShard(shard.number, end_time, staged)
