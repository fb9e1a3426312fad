"""Downloading within one process: another one fetches, others decode, threads pass on what the one sends to the others.

Workers are shared by all transforms of a process that ask with the same settings, so that `thread_count` bounds the
process and not each of its threads.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from babelsift.filters.cores import usable_cores
from babelsift.filters.image import ImageFailure, ImageFailureError, ProcessedImage, parse_boxes, process_image
from babelsift.pipelines.core.progress import Progress
from babelsift.pipelines.core.tally import current_tally
from babelsift.pipelines.decoding import DecoderCrashedError, DecoderPool, DecodeTimeoutError
from babelsift.pipelines.fetch import URLS_A_SLOT, Answer, Fetched, FetchSession
from babelsift.pipelines.stages.download.failure_rate import FailureRate
from babelsift.pipelines.stages.download.pending_shard import ShardRows
from babelsift.pipelines.staging.hash_lists import as_withheld, digests_as_listed, hashes_of_body, read_hash_lists
from babelsift.pipelines.staging.layout import FAILED_TO_DOWNLOAD, STAGED_SCHEMA, SUCCESS
from babelsift.pipelines.staging.records import with_fetch_failure, with_image, with_image_failure
from babelsift.pipelines.staging.shards import StagingWriter
from babelsift.pipelines.staging.staged_rows import ShardTimes
from babelsift.schemas import DownloadError, RejectReason, Stage
from babelsift.schemas.recipe import DownloadSettings

ProcessImage = Callable[..., "ProcessedImage | ImageFailure"]

# While a thread receives an image or writes one, its decoder has another thread's.
_MORE_THREADS_THAN_DECODERS = 2
_STALLED_S = 60.0
_STALLED = "the process that fetches stood still twice while this URL was under way"
_FETCHING_ENDED = (
    "download: the process that fetches has ended: the log above says why, or it was killed for the memory it took; "
    "what is finished is kept: run the same command again, with a lower download.thread_count where memory was short"
)


class DownloadWorker:
    """Fetches, processes and stages rows; its methods may be called from several threads at once.

    Args:
        settings: of the stage.
        process: makes the image to store of a body, in a decoder's process; called as `process_image` is.
        stalled_s: seconds without a sign of life after which the process that fetches is ended, and another begun.
    """

    def __init__(
        self, settings: DownloadSettings, process: ProcessImage = process_image, *, stalled_s: float = _STALLED_S
    ) -> None:
        self._settings = settings
        self._stalled_s = stalled_s
        self._progress = Progress("download", "rows", Stage.DOWNLOAD)
        self._failure_rate = FailureRate(settings.max_failure_rate, settings.failure_window)
        self._tickets = itertools.count()
        self._lock = threading.Lock()
        self._shards: dict[int, ShardRows] = {}
        self._threads: list[threading.Thread] = []
        decode = partial(_process, process, settings)
        cores = usable_cores()
        self._decoders = DecoderPool(decode, decoders=cores, timeout_s=settings.decode_timeout_s)
        self._lists = read_hash_lists(settings.hash_lists)
        self._thread_count = cores + _MORE_THREADS_THAN_DECODERS
        with self._lock:
            self._session: FetchSession | None = self._new_session()

    def download(self, rows: pa.RecordBatch, writer: StagingWriter) -> tuple[pa.RecordBatch, ShardTimes]:
        """Downloads every row and commits them as one staging shard; waits until that is done.

        Args:
            rows: with uid, url and caption.
            writer: entered.
        Returns:
            (STAGED_SCHEMA, in the rows' order; what it took).
        Raises:
            DownloadError: more of the latest URLs, or of these, failed than may, or what fetches has ended; the shard
                is not committed.
        """
        start_time, clock = time.time(), time.monotonic()
        with self._failure_rate:
            records, times = self._settled(ShardRows(rows, writer, self._settings))
            self._failure_rate.check_shard(records)
        staged = pa.RecordBatch.from_pylist(records, schema=STAGED_SCHEMA)
        writer.commit(staged, start_time=start_time, end_time=time.time())
        _log_shard(writer.shard, records, time.monotonic() - clock)
        return staged, times

    @property
    def hash_lists(self) -> str | None:
        """The fingerprint of the lists that images are compared with; None where there are none."""
        return self._lists.fingerprint if self._lists else None

    def close(self) -> None:
        """Ends the fetching and the decoders; downloads under way are dropped."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()
        for thread in self._threads:
            thread.join()
        self._decoders.close()

    def _settled(self, shard: ShardRows) -> tuple[list[dict[str, Any]], ShardTimes]:
        ticket = next(self._tickets)
        with self._lock:
            session = self._session = self._session or self._new_session()
            self._shards[ticket] = shard
        try:
            session.ask(ticket, shard.urls)
            return shard.wait()
        except BaseException:
            session.drop(ticket)
            raise
        finally:
            with self._lock:
                del self._shards[ticket]

    def _new_session(self) -> FetchSession:
        session = FetchSession(self._settings, stalled_s=self._stalled_s)
        names = [f"download-{number}" for number in range(self._thread_count)]
        threads = [threading.Thread(target=self._settle_all, args=[session], name=name, daemon=True) for name in names]
        for thread in threads:
            thread.start()
        self._threads = [*(thread for thread in self._threads if thread.is_alive()), *threads]
        return session

    def _settle_all(self, session: FetchSession) -> None:
        try:
            while (answer := session.receive()) is not None:
                if (shard := self._shards.get(answer.ticket)) is not None:
                    self._settle(shard, answer)
            if session.has_stalled:
                self._begin_anew(session)
        finally:
            session.close()  # whatever ended this thread ends the others
            self._fail_what_waits(session)

    def _begin_anew(self, session: FetchSession) -> None:
        """Asks another session for what one has not answered whose process stood still."""
        stalled = _fetched_nothing(RejectReason.FETCHER_STALLED, _STALLED)
        lost_rows: list[tuple[ShardRows, Answer]] = []
        with self._lock:
            if self._session is not session:  # it was closed, or another thread was here
                return
            logging.warning("download: what fetches stood still for %g s; another process goes on", self._stalled_s)
            session = self._session = self._new_session()
            for ticket, shard in self._shards.items():
                again, lost = shard.unanswered_at_stall(URLS_A_SLOT * self._settings.thread_count)
                session.ask(ticket, [shard.urls[row] for row in again], again)
                lost_rows += [(shard, Answer(ticket, row, stalled)) for row in lost]
        for shard, answer in lost_rows:
            self._settle(shard, answer)

    def _fail_what_waits(self, session: FetchSession) -> None:
        with self._lock:
            if self._session is not session:  # it was closed, or another thread was here
                return
            self._session = None
            for shard in self._shards.values():
                shard.fail(DownloadError(_FETCHING_ENDED))

    def _settle(self, shard: ShardRows, answer: Answer) -> None:
        if not shard.take_in_hand(answer.row):
            return
        started = time.monotonic()
        try:
            record = self._stored(shard, answer.row, answer.fetched)
            self._progress.add(1)
            _tell(record, answer.fetched)
            self._failure_rate.add(record)
        except BaseException as error:  # noqa: BLE001 it is raised where the shard is waited for
            shard.fail_in_hand(error)
            return
        process_s = 0.0 if answer.fetched.body is None else time.monotonic() - started
        shard.settle(answer.row, record, answer.fetched, process_s)

    def _stored(self, shard: ShardRows, row: int, fetched: Fetched) -> dict[str, Any]:
        record, options, body = shard.record(row), shard.options[row], fetched.body
        if body is None:
            return with_fetch_failure(record, fetched)
        if (digest := options.mismatch(body)) is not None:
            return with_fetch_failure(record, _fetched_nothing(RejectReason.HASH_MISMATCH, digest))
        hashes = hashes_of_body(body, self._settings)
        if (name := self._lists.name_of(digests_as_listed(body, hashes))) is not None:
            return as_withheld(record, name)
        try:
            image = self._decoders.decode(body, options.boxes)
        except DecodeTimeoutError as timeout:
            return with_fetch_failure(record, _fetched_nothing(RejectReason.DECODE_TIMEOUT, str(timeout)))
        except DecoderCrashedError as crash:
            return with_fetch_failure(record, _fetched_nothing(RejectReason.DECODER_CRASHED, str(crash)))
        if isinstance(image, ImageFailure) and image.reason is RejectReason.REMOVED:
            return as_withheld(record, "", image.reason)
        if isinstance(image, ImageFailure):
            return with_image_failure(record, image)
        name = self._lists.name_of({"pdq": image.pdq, "pdq_quality": image.pdq_quality})
        if name is not None:
            return as_withheld(record, name)
        return shard.writer.add(with_image(record, image, hashes), image)


def _process(
    process: ProcessImage, settings: DownloadSettings, body: bytes, boxes: object, **options: Any
) -> ProcessedImage | ImageFailure:
    """What a decoder does with a body."""
    try:
        return process(body, settings, parse_boxes(boxes), **options)
    except ImageFailureError as failure:
        return ImageFailure(failure.reason, failure.detail)


def _tell(record: dict[str, Any], fetched: Fetched) -> None:
    """Counts a URL for whoever watches the run."""
    outcome = SUCCESS if record["status"] == SUCCESS else str(record.get("reason") or record["status"])
    size = 0 if fetched.body is None else len(fetched.body)
    current_tally().add_download(outcome, _host_of(record["url"]), size)


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _fetched_nothing(reason: RejectReason, detail: str) -> Fetched:
    return Fetched(None, reason, detail)


def _log_shard(shard: int, records: list[dict[str, Any]], seconds: float) -> None:
    statuses = [record["status"] for record in records]
    logging.info(
        "download: staging shard %d: %d rows, %d images, %d not fetched, %.1f s, %.1f images/s",
        shard,
        len(records),
        statuses.count(SUCCESS),
        statuses.count(FAILED_TO_DOWNLOAD),
        seconds,
        statuses.count(SUCCESS) / max(seconds, 1e-9),
    )


_lock = threading.Lock()
_shared: dict[tuple[DownloadSettings, ProcessImage], tuple[DownloadWorker, int]] = {}


def acquire_worker(settings: DownloadSettings, process: ProcessImage = process_image) -> DownloadWorker:
    """Returns the process's worker for these settings, started where there is none; give it back after use.

    Args:
        settings: as of `DownloadWorker`.
        process: as of `DownloadWorker`.
    """
    key = settings, process
    with _lock:
        worker, users = _shared.get(key) or (DownloadWorker(settings, process), 0)
        _shared[key] = (worker, users + 1)
        return worker


def release_worker(settings: DownloadSettings, process: ProcessImage = process_image) -> None:
    """Gives the process's worker back; the last one to do so closes it.

    Args:
        settings: as it was asked for.
        process: as it was asked for.
    """
    key = settings, process
    with _lock:
        worker, users = _shared.pop(key)
        if users > 1:
            _shared[key] = (worker, users - 1)
        else:
            worker.close()
