from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.download.partition import PartitionDownload, StoppedError
from babelsift.pipelines.stages.download.retry import parse_retry
from babelsift.pipelines.stages.download.worker import DownloadWorker, acquire_worker, release_worker
from babelsift.pipelines.staging.layout import STAGING
from babelsift.pipelines.staging.shards import StagingListing, StagingWriter
from babelsift.schemas import DownloadError, RunFolderError
from babelsift.schemas.recipe import DownloadSettings
from tests.support import odd_decoders
from tests.support.hostile_web import LOOPBACK_ONLY, answer, encoded, photo, silence
from tests.support.process_tree import children_of

SETTINGS = DownloadSettings(
    image_size=32,
    timeout_s=300.0,
    total_timeout_s=600.0,
    **LOOPBACK_ONLY,
    samples_per_staging_shard=3,
    thread_count=4,
)


@pytest.fixture
def worker():
    yield acquire_worker(SETTINGS)
    release_worker(SETTINGS)


@pytest.fixture
def rows(hostile_web) -> pa.RecordBatch:
    hostile_web.on_any(answer(encoded(photo(1, (64, 48)))))
    return pa.RecordBatch.from_pydict(
        {
            "uid": [f"{n:032x}" for n in range(8)],
            "url": [hostile_web.url(f"/{n}") for n in range(8)],
            "caption": ["c"] * 8,
        }
    )


def stager(folder: RunFolder, worker, partitions: int = 1) -> PartitionDownload:
    return PartitionDownload(folder, SETTINGS, partitions, worker, threading.Event())


def fetch_process() -> int:
    [child] = children_of(os.getpid(), running="fetch_process")
    return child


def threads() -> int:
    return sum(thread.name.startswith("download") for thread in threading.enumerate())


def test_one_worker_a_process_and_settings():
    first, second = acquire_worker(SETTINGS), acquire_worker(SETTINGS)
    one = threads()
    other = acquire_worker(SETTINGS.model_copy(update={"image_size": 33}))
    assert first is second
    assert first is not other
    assert threads() == 2 * one > 0
    release_worker(SETTINGS)
    assert threads() == 2 * one > 0
    release_worker(SETTINGS)
    release_worker(SETTINGS.model_copy(update={"image_size": 33}))
    assert threads() == 0


def test_rows_in_shards_of_the_partition(worker, rows, tmp_path):
    folder = RunFolder(str(tmp_path))
    staged = stager(folder, worker, partitions=5).stage(
        2, rows.take(pa.array([5, 3, 0, 7, 1, 2, 6, 4])), StagingListing(folder)
    )
    assert [(batch.shard, len(batch.rows)) for batch in staged] == [(2, 3), (7, 3), (12, 2)]
    assert [uid for batch in staged for uid in batch.rows.column("uid").to_pylist()] == rows.column("uid").to_pylist()
    assert all(batch.rows.column("uid").equals(batch.staged.column("uid")) for batch in staged)
    assert [key for batch in staged for key in batch.staged.column("key").to_pylist()][2:5] == [
        "000022",
        "000070",
        "000071",
    ]


def test_several_partitions_at_once(worker, rows, tmp_path):
    folder = RunFolder(str(tmp_path))
    stage = stager(folder, worker, partitions=4).stage
    with ThreadPoolExecutor(4) as threads:
        parts = [threads.submit(stage, p, rows.slice(2 * p, 2), StagingListing(folder)) for p in range(4)]
    assert sorted(batch.shard for part in parts for batch in part.result()) == [0, 1, 2, 3]


def test_stop_keeps_what_is_committed(worker, rows, tmp_path):
    folder = RunFolder(str(tmp_path))
    download = stager(folder, worker)
    download.stop.set()
    with pytest.raises(StoppedError):
        download.stage(0, rows, StagingListing(folder))
    assert folder.list(STAGING) == []


def test_a_shard_that_cannot_be_written_ends_its_download(worker, rows, tmp_path, hostile_web):
    class FullDisk(StagingWriter):
        def add(self, record, image):
            raise RunFolderError("no space left")

    folder = RunFolder(str(tmp_path))

    def download() -> None:
        with FullDisk(folder, 0, 10, {}) as writer:
            worker.download(rows, writer)

    with pytest.raises(RunFolderError, match="no space left"):
        download()
    assert folder.list(STAGING) == []
    # the worker goes on: what failed was the shard
    assert len(stager(folder, worker).stage(0, rows, StagingListing(folder))) == 3


def test_a_slow_url_does_not_keep_the_next_shard_waiting(worker, rows, tmp_path, hostile_web):
    may_go_on = threading.Event()

    async def slow(request):
        while not may_go_on.is_set():
            await asyncio.sleep(0.01)
        await answer(encoded(photo(1, (64, 48))))(request)

    hostile_web.on("/0", slow)
    folder = RunFolder(str(tmp_path))
    with ThreadPoolExecutor(1) as thread:
        staging = thread.submit(stager(folder, worker).stage, 0, rows, StagingListing(folder))
        while not any(name.startswith("00001_stats") for name in folder.list(STAGING)):
            assert not staging.done()
        assert "00000_stats.json" not in folder.list(STAGING)
        may_go_on.set()
    assert [batch.shard for batch in staging.result()] == [0, 1, 2]


def test_a_killed_fetch_process_is_said_and_another_one_goes_on(worker, rows, tmp_path, hostile_web):
    hostile_web.on_any(silence())
    folder = RunFolder(str(tmp_path))
    with ThreadPoolExecutor(1) as thread:
        staging = thread.submit(stager(folder, worker).stage, 0, rows, StagingListing(folder))
        while hostile_web.total_requests < SETTINGS.thread_count:  # of two shards, of three rows each
            assert not staging.done()
        os.kill(fetch_process(), signal.SIGKILL)
        with pytest.raises(DownloadError, match="the process that fetches has ended"):
            staging.result()
    assert folder.list(STAGING) == []
    hostile_web.on_any(answer(encoded(photo(1, (64, 48)))))
    assert len(stager(folder, worker).stage(0, rows, StagingListing(folder))) == 3


def test_images_that_no_decoder_ends_with_are_failed_downloads(rows, tmp_path, hostile_web):
    bodies = [odd_decoders.SPINS, odd_decoders.SLEEPS, odd_decoders.STOPS, odd_decoders.CRASHES]
    for row, body in enumerate(bodies):
        hostile_web.on(f"/{row}", answer(body))
    settings = SETTINGS.model_copy(update={"decode_timeout_s": 2.0})
    folder = RunFolder(str(tmp_path))
    worker = DownloadWorker(settings, odd_decoders.process)
    download = PartitionDownload(folder, settings, 1, worker, threading.Event())
    staged = [row for batch in download.stage(0, rows, StagingListing(folder)) for row in batch.staged.to_pylist()]
    for row in staged[:4]:
        assert row["status"] == "failed_to_download"
        assert row["error_message"] == f"{row['reason'].replace('_', ' ')}: {row['detail']}"
    (reason, _), *stopped, crashed = [(row["reason"], row["detail"]) for row in staged[:4]]
    assert reason == "decode_timeout"  # by either limit: a busy machine gives no CPU time
    assert stopped == [("decode_timeout", "10 s")] * 2
    assert crashed == ("decoder_crashed", "signal SIGSEGV")
    assert {row["status"] for row in staged[4:]} == {"success"}

    for row in range(8):
        hostile_web.on(f"/{row}", answer(encoded(photo(1, (64, 48)))))
    before = hostile_web.total_requests
    again = PartitionDownload(
        folder, settings, 1, worker, threading.Event(), parse_retry(["decode"], before=time.time() + 1)
    )
    retried = [row for batch in again.stage(0, rows, StagingListing(folder)) for row in batch.staged.to_pylist()]
    assert sorted(row["reason"] or row["status"] for row in retried) == ["decoder_crashed"] + 7 * ["success"]
    assert hostile_web.total_requests == before + 3
    worker.close()


def test_a_fetch_process_that_stands_still_is_ended_and_another_goes_on(rows, tmp_path, hostile_web):
    hostile_web.on("/7", silence())
    folder = RunFolder(str(tmp_path))
    worker = DownloadWorker(SETTINGS, stalled_s=10.0)
    with ThreadPoolExecutor(1) as thread:
        staging = thread.submit(stager(folder, worker).stage, 0, rows, StagingListing(folder))
        while not hostile_web.requests["/7"]:
            assert not staging.done()
        hostile_web.on("/7", answer(encoded(photo(1, (64, 48)))))
        os.kill(fetch_process(), signal.SIGSTOP)
        staged = [row for batch in staging.result() for row in batch.staged.to_pylist()]
    assert {row["status"] for row in staged} == {"success"}
    assert hostile_web.requests["/7"] == 2
    assert max(hostile_web.requests.values()) == 2, "what was under way is asked for again, once"
    worker.close()


@pytest.mark.slow
def test_urls_under_way_at_two_stalls_are_failed_downloads(rows, tmp_path, hostile_web):
    hostile_web.on("/7", silence())
    folder = RunFolder(str(tmp_path))
    worker = DownloadWorker(SETTINGS, stalled_s=10.0)
    with ThreadPoolExecutor(1) as thread:
        staging = thread.submit(stager(folder, worker).stage, 0, rows, StagingListing(folder))
        for stalls in (1, 2):
            while hostile_web.requests["/7"] < stalls:
                assert not staging.done()
            os.kill(fetch_process(), signal.SIGSTOP)
        staged = [row for batch in staging.result() for row in batch.staged.to_pylist()]
    assert [row["status"] for row in staged] == 7 * ["success"] + ["failed_to_download"]
    assert (staged[7]["reason"], parse_retry(["stalled"], before=1.0).wants(staged[7]["reason"], "")) == (
        "fetcher_stalled",
        True,
    )
    worker.close()
