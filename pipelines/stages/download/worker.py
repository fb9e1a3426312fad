"""Downloading within one process: another one fetches, decoders in threads take what it sends, whoever asks waits.

Workers are shared by all transforms of a process that ask with the same settings, so that `thread_count` bounds the
process and not each of its threads.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import os
import threading
import time
from typing import Any

import cv2
import pyarrow as pa

from babelsift.filters.image import ImageFailure, ImageFailureError, parse_boxes, process_image
from babelsift.pipelines.core.progress import Progress
from babelsift.pipelines.fetch import Answer, Fetched, FetchSession
from babelsift.pipelines.stages.download.failure_rate import FailureBand
from babelsift.pipelines.stages.download.pending_shard import ShardRows
from babelsift.pipelines.staging.layout import FAILED_TO_DOWNLOAD, STAGED_SCHEMA, SUCCESS
from babelsift.pipelines.staging.records import with_fetch_failure, with_image, with_image_failure
from babelsift.pipelines.staging.shards import StagingWriter
from babelsift.pipelines.staging.staged_rows import ShardTimes
from babelsift.schemas import DownloadError, RejectReason
from babelsift.schemas.recipe import DownloadSettings

_FETCHING_ENDED = (
    "download: the process that fetches has ended: the log above says why, or it was killed for the memory it took; "
    "what is finished is kept: run the same command again, with a lower download.thread_count where memory was short"
)


class DownloadWorker:
    """Fetches, processes and stages rows; its methods may be called from several threads at once."""

    def __init__(self, settings: DownloadSettings) -> None:
        from babelsift.filters.image.compile_kernels import compile_all

        self._settings = settings
        self._progress = Progress("download", "rows")
        self._band = FailureBand(settings.max_failure_rate, settings.failure_window)
        self._tickets = itertools.count()
        self._lock = threading.Lock()
        self._shards: dict[int, ShardRows] = {}
        self._decoders: list[threading.Thread] = []
        with self._lock:
            self._session: FetchSession | None = self._new_session()  # it starts while the kernels are made ready
        cv2.setNumThreads(1)  # images side by side, not parts of one
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # each broken image would print a line
        compile_all()  # one thread here, not each of the decoders

    def download(self, rows: pa.RecordBatch, writer: StagingWriter) -> tuple[pa.RecordBatch, ShardTimes]:
        """Downloads every row and commits them as one staging shard; waits until that is done.

        Args: rows: with uid, url and caption. writer: entered.
        Returns: (STAGED_SCHEMA, in the rows' order; what it took).
        Raises: DownloadError: more of the latest URLs, or of these, failed than may, or what fetches has ended; the
            shard is not committed.
        """
        start_time, clock = time.time(), time.monotonic()
        with self._band:
            records, times = self._settled(ShardRows(rows, writer, self._settings))
            self._band.check_shard(records)
        staged = pa.RecordBatch.from_pylist(records, schema=STAGED_SCHEMA)
        writer.commit(staged, start_time=start_time, end_time=time.time())
        _log_shard(writer.shard, records, time.monotonic() - clock)
        return staged, times

    def close(self) -> None:
        """Ends the fetching and the decoders; downloads under way are dropped."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()
        for decoder in self._decoders:
            decoder.join()

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
        session = FetchSession(self._settings)
        names = [f"decode-{number}" for number in range(_usable_cores())]
        self._decoders = [threading.Thread(target=self._decode, args=[session], name=name) for name in names]
        for decoder in self._decoders:
            decoder.daemon = True
            decoder.start()
        return session

    def _decode(self, session: FetchSession) -> None:
        try:
            while (answer := session.receive()) is not None:
                shard = self._shards.get(answer.ticket)
                if shard is not None and shard.take_in_hand():
                    self._settle(shard, answer)
        finally:
            session.close()  # whatever ended this decoder ends the others
            self._fail_what_waits(session)

    def _fail_what_waits(self, session: FetchSession) -> None:
        with self._lock:
            if self._session is not session:  # it was closed, or another decoder was here
                return
            self._session = None
            for shard in self._shards.values():
                shard.fail(DownloadError(_FETCHING_ENDED))

    def _settle(self, shard: ShardRows, answer: Answer) -> None:
        started = time.monotonic()
        try:
            record = self._stored(shard, answer.row, answer.fetched)
            self._progress.add(1)
            self._band.add(record)
        except BaseException as error:  # noqa: BLE001 it is raised where the shard is waited for
            shard.fail_in_hand(error)
            return
        process_s = 0.0 if answer.fetched.body is None else time.monotonic() - started
        shard.settle(answer.row, record, answer.fetched, process_s)

    def _stored(self, shard: ShardRows, row: int, fetched: Fetched) -> dict[str, Any]:
        record, wanted, body = shard.record(row), shard.wishes[row], fetched.body
        if body is None:
            return with_fetch_failure(record, fetched)
        if (found := wanted.mismatch(body)) is not None:
            return with_fetch_failure(record, Fetched(None, RejectReason.HASH_MISMATCH, found))
        try:
            image = process_image(body, self._settings, parse_boxes(wanted.boxes))
        except ImageFailureError as failure:
            image = ImageFailure(failure.reason, failure.detail)
        if isinstance(image, ImageFailure):
            return with_image_failure(record, image)
        further = self._settings.compute_hash
        hashes: dict[str, str] = (
            {further: hashlib.new(further, body).hexdigest()} if further in ("md5", "sha512") else {}
        )
        return shard.writer.add(with_image(record, image, hashes), image)


def _usable_cores() -> int:
    """The cores this process may use, which in a container or under a scheduler are fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
_shared: dict[DownloadSettings, tuple[DownloadWorker, int]] = {}


def acquire_worker(settings: DownloadSettings) -> DownloadWorker:
    """Returns the process's worker for these settings, started where there is none; give it back after use."""
    with _lock:
        worker, users = _shared.get(settings) or (DownloadWorker(settings), 0)
        _shared[settings] = (worker, users + 1)
        return worker


def release_worker(settings: DownloadSettings) -> None:
    """Gives the process's worker back; the last one to do so closes it."""
    with _lock:
        worker, users = _shared.pop(settings)
        if users > 1:
            _shared[settings] = (worker, users - 1)
        else:
            worker.close()
