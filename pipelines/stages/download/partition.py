"""One partition's pairs: what is staged already is used again, the rest is downloaded shard by shard."""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.shaping_settings import heard_opt_outs, shaping_settings
from babelsift.pipelines.stages.download.retry import NO_RETRY, Retry
from babelsift.pipelines.stages.download.row_options import row_options
from babelsift.pipelines.stages.download.worker import DownloadWorker
from babelsift.pipelines.staging.layout import shard_name
from babelsift.pipelines.staging.partitions import BY_UID, NO_SPLIT_DOMAINS, Partitioning, SplitDomains
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


class RowsOfImages:
    """Rows in the order of their images: each is downloaded once, for all of its rows.

    Args:
        rows: sorted by uid; an image comes by the lowest of its rows' uids.
        options: string[n], digests of what rows ask of their download.
    """

    def __init__(self, rows: pa.RecordBatch, options: pa.Array) -> None:
        keys = pc.binary_join_element_wise(rows.column("url"), pc.fill_null(options, ""), "\n")
        image_of_row = pc.dictionary_encode(keys).indices.to_numpy(zero_copy_only=False).astype(np.int64)
        order = np.argsort(image_of_row, kind="stable")
        self._rows, self._image_of_row = rows.take(pa.array(order)), image_of_row[order]
        self.images = int(image_of_row.max()) + 1 if len(rows) else 0

    def slice(self, start: int, images: int) -> tuple[pa.RecordBatch, np.ndarray]:
        """Returns (the rows of some images, sorted by uid; int64[n], the image of each, from 0)."""
        first, last = np.searchsorted(self._image_of_row, (start, start + images))
        rows, image_of_row = self._rows.slice(first, last - first), self._image_of_row[first:last] - start
        order = pc.sort_indices(rows.column("uid"))
        return rows.take(order), image_of_row[order.to_numpy()]


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
        version: by what rows are parted. split: domains that are spread over all partitions.
    """

    folder: RunFolder
    settings: DownloadSettings
    partitions: int
    worker: DownloadWorker
    stop: threading.Event
    retry: Retry = NO_RETRY
    first_partitions: int | None = None
    version: int = BY_UID
    split: SplitDomains = NO_SPLIT_DOMAINS

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
        options = pa.array([asked.digest for asked in row_options(rows, self.settings)], pa.string())
        done, occupied = self._reuse(partition, rows, listing, shaping, options)
        uids = [uid for batch in done for uid in batch.rows.column("uid").to_pylist()]
        is_missing = pc.invert(pc.is_in(rows.column("uid"), value_set=pa.array(uids, pa.string())))
        missing = RowsOfImages(rows.filter(is_missing), options.filter(is_missing))
        numbers = (number for number in itertools.count(partition, self.partitions) if number not in occupied)
        size = self.settings.samples_per_staging_shard
        under_way: deque[Future[StagedBatch]] = deque()
        with ThreadPoolExecutor(_SHARDS_UNDER_WAY, thread_name_prefix="shard") as threads:
            for start in range(0, missing.images, size):
                if len(under_way) == _SHARDS_UNDER_WAY:
                    done.append(under_way.popleft().result())
                some = missing.slice(start, size)
                under_way.append(threads.submit(self._download, shaping, *some, next(numbers)))
            done.extend(shard.result() for shard in under_way)
        return done

    def _download(
        self, shaping: Mapping[str, Any], rows: pa.RecordBatch, image_of_row: np.ndarray, shard: int
    ) -> StagedBatch:
        """Downloads an image of each first row; image_of_row: int64[n], from 0, in the order of their first rows."""
        if self.stop.is_set():
            raise StoppedError
        _, firsts = np.unique(image_of_row, return_index=True)
        size, heard = self.settings.samples_per_staging_shard, heard_opt_outs(self.settings)
        lists = self.worker.hash_lists
        with StagingWriter(self.folder, shard, size, shaping, opt_outs=heard, hash_lists=lists) as writer:
            staged, times = self.worker.download(rows.take(pa.array(firsts)), writer)
        return StagedBatch(shard, rows, staged.take(pa.array(image_of_row)), times)

    def _reuse(
        self,
        partition: int,
        rows: pa.RecordBatch,
        listing: StagingListing,
        shaping: Mapping[str, Any],
        options: pa.Array,
    ) -> tuple[list[StagedBatch], set[int]]:
        """The rows that are staged already, and the numbers of the partition's shards that stay."""
        first = self.first_partitions or self.partitions
        found: list[FoundShard] = []
        occupied = set()
        parting = Partitioning(self.partitions, self.version)
        earlier = {number % first for number in parting.earlier_partitions(rows.column("url"), self.split)}
        for shard in self._shards({partition % first, *earlier}, first, listing):
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
        return list(latest_staged(rows, found, options)), occupied

    def _shards(self, partitions: set[int], of: int, listing: StagingListing) -> Iterator[StagedShard]:
        for partition in sorted(partitions):
            yield from staged_shards(self.folder, partition, of, listing=listing)

    def _still_valid(self, shard: StagedShard, staged: pa.RecordBatch) -> FoundShard:
        """A shard's rows without the failures that are to be tried again."""
        end_time = shard.end_time
        if end_time < self.retry.before:
            failures = zip(staged.column("reason").to_pylist(), staged.column("detail").to_pylist(), strict=True)
            staged = staged.filter(pa.array([not self.retry.wants(*failure) for failure in failures], pa.bool_()))
        return FoundShard(shard.number, end_time, staged)
