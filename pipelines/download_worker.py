"""Downloading within one process: a network loop in a thread of its own, decoders in a pool, whoever asks waits.

Workers are shared by all transforms of a process that ask with the same settings, so that `thread_count` bounds the
process and not each of its threads.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import pyarrow as pa

from filters.fetch import Fetched, ImageClient
from filters.image import ImageFailure, ImageFailureError, parse_boxes, process_image
from pipelines.download_records import new_record, with_fetch_failure, with_image, with_image_failure
from pipelines.failure_band import FailureBand
from pipelines.progress import Progress
from pipelines.row_wishes import RowWishes, wishes_of
from pipelines.staging import StagingWriter
from pipelines.staging_layout import FAILED_TO_DOWNLOAD, STAGED_SCHEMA, SUCCESS
from schemas import RejectReason
from schemas.recipe import DownloadSettings

# While one URL's image is decoded another's bytes arrive: so many rows a slot are taken up at once, and no more.
_ROWS_A_SLOT = 2


@dataclass(frozen=True)
class ShardTimes:
    """What a shard's rows took, summed over rows that ran side by side."""

    fetch_msec: int
    process_msec: int


class DownloadWorker:
    """Fetches, processes and stages rows; its methods may be called from several threads at once."""

    def __init__(self, settings: DownloadSettings) -> None:
        from filters.image.kernels import compile_all  # and with it numba, which only processes that decode need

        self._settings = settings
        self._progress = Progress("download", "rows")
        self._band = FailureBand(settings.max_failure_rate, settings.failure_window)
        cv2.setNumThreads(1)  # images side by side, not parts of one
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # each broken image would print a line
        compile_all()  # before anything is fetched
        self._decoders = ThreadPoolExecutor(max_workers=_usable_cores(), thread_name_prefix="decode")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="download", daemon=True)
        self._thread.start()
        self._client = self._run(self._open())

    def download(self, rows: pa.RecordBatch, writer: StagingWriter) -> tuple[pa.RecordBatch, ShardTimes]:
        """Downloads every row and commits them as one staging shard; waits until that is done.

        Args: rows: with uid, url and caption. writer: entered.
        Returns: (STAGED_SCHEMA, in the rows' order; what it took).
        Raises: DownloadError: more of the latest URLs, or of these, failed than may; the shard is not committed.
        """
        start_time, clock = time.time(), time.monotonic()
        with self._band:
            records, times = self._run(self._download_all(rows, writer))
            self._band.check_shard(records)
        staged = pa.RecordBatch.from_pylist(records, schema=STAGED_SCHEMA)
        writer.commit(staged, start_time=start_time, end_time=time.time())
        _log_shard(writer.shard, records, time.monotonic() - clock)
        return staged, times

    def close(self) -> None:
        """Ends the loop and the pool; downloads under way are dropped."""
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._decoders.shutdown(wait=False, cancel_futures=True)

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _open(self) -> ImageClient:
        self._rows_under_way = asyncio.Semaphore(_ROWS_A_SLOT * self._settings.thread_count)
        return await ImageClient(self._settings).__aenter__()

    async def _close(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._client.__aexit__(None, None, None)

    async def _download_all(
        self, rows: pa.RecordBatch, writer: StagingWriter
    ) -> tuple[list[dict[str, Any]], ShardTimes]:
        records: list[dict[str, Any]] = [{}] * len(rows)
        fetch_s = process_s = 0.0
        pending = _numbered_pairs(rows, writer, self._settings)

        async def take_rows() -> None:
            nonlocal fetch_s, process_s
            for index, record, wanted in pending:
                async with self._rows_under_way:
                    records[index], fetched_s, processed_s = await self._download_row(record, wanted, writer)
                self._progress.add(1)
                self._band.add(records[index])
                fetch_s += fetched_s
                process_s += processed_s

        takers = min(len(rows), _ROWS_A_SLOT * self._settings.thread_count)
        await _all_or_none([asyncio.ensure_future(take_rows()) for _ in range(takers)])
        return records, ShardTimes(int(fetch_s * 1000), int(process_s * 1000))

    async def _download_row(
        self, record: dict[str, Any], wanted: RowWishes, writer: StagingWriter
    ) -> tuple[dict[str, Any], float, float]:
        async with self._client.fetching(record["url"]) as fetched:
            if fetched.body is None:
                return with_fetch_failure(record, fetched), fetched.seconds, 0.0
            task = partial(self._store, record, wanted, fetched, writer)
            done, process_s = await self._loop.run_in_executor(self._decoders, task)
            return done, fetched.seconds, process_s

    def _store(
        self, record: dict[str, Any], wanted: RowWishes, fetched: Fetched, writer: StagingWriter
    ) -> tuple[dict[str, Any], float]:
        started = time.monotonic()
        done = self._stored(record, wanted, fetched.body or b"", writer)
        return done, time.monotonic() - started

    def _stored(self, record: dict[str, Any], wanted: RowWishes, body: bytes, writer: StagingWriter) -> dict[str, Any]:
        if (found := wanted.mismatch(body)) is not None:
            return with_fetch_failure(record, Fetched(None, RejectReason.HASH_MISMATCH, found))
        try:
            image = process_image(body, self._settings, parse_boxes(wanted.boxes))
        except ImageFailureError as failure:
            image = ImageFailure(failure.reason, failure.detail)
        if isinstance(image, ImageFailure):
            return with_image_failure(record, image)
        further = self._settings.compute_hash
        hashes = {further: hashlib.new(further, body).hexdigest()} if further in ("md5", "sha512") else {}
        return writer.add(with_image(record, image, hashes), image)


def _usable_cores() -> int:
    """The cores this process may use, which in a container or under a scheduler are fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


async def _all_or_none(tasks: list[asyncio.Future[None]]) -> None:
    """Waits for all tasks; where one fails, ends the others before its error goes on."""
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _numbered_pairs(
    rows: pa.RecordBatch, writer: StagingWriter, settings: DownloadSettings
) -> Iterator[tuple[int, dict[str, Any], RowWishes]]:
    columns = (rows.column(name).to_pylist() for name in ("uid", "url", "caption"))
    pairs = zip(*columns, wishes_of(rows, settings), strict=True)
    for index, (uid, url, caption, wanted) in enumerate(pairs):
        yield index, new_record(uid=uid, url=url, caption=caption, key=writer.key(index)), wanted


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
