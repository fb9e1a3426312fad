"""Stage download: pairs to their partitions, each partition's images into staging shards, bytes never in a shuffle."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event

import apache_beam as beam
import pyarrow as pa

from babelsift.filters.image import process_image
from babelsift.pipelines.core.batches import concat
from babelsift.pipelines.core.bundle_end import at_bundle_end
from babelsift.pipelines.core.counters import count
from babelsift.pipelines.core.split_by_partition import SplitByPartition
from babelsift.pipelines.core.stage_outputs import REJECTED, emit, kept_and_rejected
from babelsift.pipelines.core.tally import current_tally
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.fetch import AddressPolicy
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.progress.files import tell_from_worker
from babelsift.pipelines.stages.download.large_domains import FindSplitDomains
from babelsift.pipelines.stages.download.partition import PartitionDownload, StoppedError
from babelsift.pipelines.stages.download.retry import NO_RETRY, Retry
from babelsift.pipelines.stages.download.worker import ProcessImage, acquire_worker, release_worker
from babelsift.pipelines.staging.gather_shards import GatherShards
from babelsift.pipelines.staging.partitions import BY_UID, NO_SPLIT_DOMAINS, Partitioning, SplitDomains
from babelsift.pipelines.staging.shards import StagingListing
from babelsift.pipelines.staging.share import ALL, Share
from babelsift.pipelines.staging.staged_rows import StagedBatch, split_staged
from babelsift.schemas import Stage
from babelsift.schemas.recipe import DownloadSettings

# While a partition's last shards are finished, others begin.
_PARTITIONS_UNDER_WAY = 3


@dataclass
class DownloadImages(Transform):
    """Downloads each pair's image into the run folder's staging shards and says where it lies.

    All pairs of a URL share one download, decoding and image in staging. What is staged already, by settings that shape
    images as these do, is not downloaded again, whether it was a success or not.

    Input: LANGUAGE_SCHEMA and carried columns; no uid twice. Outputs: kept: DOWNLOAD_SCHEMA and the carried columns, at
        most one batch a staging shard. REJECTED: pairs without a stored image.
    Attributes:
        folder: the run folder.
        settings: how images are fetched and stored.
        partitions: staging partitions of the run folder.
        first_partitions: as many as it had when it was made; None: it is still the same.
        retry: failures of earlier runs that are tried again.
        process: makes the image to store of a body, in a decoder's process; called as `process_image` is.
        version: by what pairs are parted.
        share: of the partitions; the rows of others have no fate here.
    """

    folder: RunFolder
    settings: DownloadSettings
    partitions: int
    first_partitions: int | None = None
    retry: Retry = NO_RETRY
    process: ProcessImage = process_image
    version: int = BY_UID
    share: Share = ALL

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.partitions % (self.first_partitions or 1):
            raise ValueError(f"partitions should be a multiple of {self.first_partitions}, found {self.partitions}")
        if self.partitions < 1:
            raise ValueError(f"partitions should be at least 1, found {self.partitions}")
        AddressPolicy(self.settings.allow_addresses, self.settings.ports)  # what is wrong there is said before a run

    def expand(
        self, batches: beam.PCollection[pa.RecordBatch]
    ) -> beam.pvalue.DoOutputsTuple | dict[str, beam.PCollection]:
        """Brings each partition's rows together and downloads them."""
        side_inputs: tuple[beam.pvalue.AsSingleton, ...] = ()
        if self.version != BY_UID and self.partitions > 1:
            may_split = self.settings.requests_per_host_per_s is None
            domains = batches | "SplitDomains" >> FindSplitDomains(self.folder, self.partitions, may_split)
            side_inputs = (beam.pvalue.AsSingleton(domains),)
        split = beam.ParDo(SplitByPartition(Partitioning(self.partitions, self.version)), *side_inputs)
        download = beam.ParDo(_DownloadPartition(self), *side_inputs)
        downloaded = (
            batches
            | "Split" >> split.with_output_types(tuple[int, pa.RecordBatch])
            | "GroupByPartition" >> beam.GroupByKey()
            | "Download" >> kept_and_rejected(download)
        )
        may_move = bool(side_inputs) and bool(StagingListing(self.folder).numbers)
        if self.first_partitions in (None, self.partitions) and not may_move:
            return downloaded
        # A shard from before the folder grew, or a domain was split, has rows of several partitions.
        return {"kept": downloaded.kept | "OneBatchAShard" >> GatherShards(), REJECTED: downloaded[REJECTED]}


_Staging = Future[list[StagedBatch]]


class _DownloadPartition(beam.DoFn):
    """Downloads partitions, a few at a time; those still under way when a bundle ends are waited for."""

    def __init__(self, stage: DownloadImages) -> None:
        self._folder = stage.folder
        self._settings = stage.settings
        self._partitions = stage.partitions
        self._first_partitions = stage.first_partitions
        self._retry = stage.retry
        self._process = stage.process
        self._version = stage.version
        self._share = stage.share

    def setup(self) -> None:
        tell_from_worker(self._folder, current_tally().to_json)
        self._worker = acquire_worker(self._settings, self._process)
        self._threads = ThreadPoolExecutor(_PARTITIONS_UNDER_WAY, thread_name_prefix="partition")
        self._under_way: list[_Staging] = []

    def start_bundle(self) -> None:
        self._stop()  # what a bundle left behind that failed in another step
        self._listing = StagingListing(self._folder)
        self._download = PartitionDownload(
            self._folder,
            self._settings,
            self._partitions,
            self._worker,
            Event(),
            self._retry,
            self._first_partitions,
            self._version,
        )

    def process(
        self, element: tuple[int, Iterable[pa.RecordBatch]], split: SplitDomains = NO_SPLIT_DOMAINS
    ) -> Iterator[object]:
        partition, batches = element
        if not self._share.has(partition):
            return
        self._download.split = split
        rows = concat(list(batches))
        self._under_way.append(self._threads.submit(self._download.stage, partition, rows, self._listing))
        if len(self._under_way) >= _PARTITIONS_UNDER_WAY:
            yield from self._finish_some()

    def finish_bundle(self) -> Iterator[object]:
        while self._under_way:
            yield from map(at_bundle_end, self._finish_some())

    def teardown(self) -> None:
        self._stop()
        self._threads.shutdown()
        release_worker(self._settings, self._process)

    def _finish_some(self) -> Iterator[object]:
        """Waits for the first of the partitions under way, and yields what is finished by then."""
        done, _ = wait(self._under_way, return_when=FIRST_COMPLETED)
        for staging in [staging for staging in self._under_way if staging in done]:
            self._under_way.remove(staging)
            try:
                results = staging.result()
            except BaseException:
                # The bundle will be tried again: nothing of this attempt may still be writing then.
                self._stop()
                raise
            for result in results:
                yield from self._emit(result)

    def _stop(self) -> None:
        if self._under_way:
            self._download.stop.set()
        while self._under_way:
            error = self._under_way.pop().exception()
            if error and not isinstance(error, StoppedError):
                logging.warning("download: a partition beside the failed one ended too: %r", error)

    def _emit(self, batch: StagedBatch) -> Iterator[object]:
        if batch.times is None:
            count(Stage.DOWNLOAD, "reused_rows", len(batch.rows))
        else:
            count(Stage.DOWNLOAD, "fetch_msec", batch.times.fetch_msec)
            count(Stage.DOWNLOAD, "process_msec", batch.times.process_msec)
        kept, rejected = split_staged(batch, self._settings)
        yield from emit(Stage.DOWNLOAD, len(batch.rows), [kept], [rejected])
