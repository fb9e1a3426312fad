from __future__ import annotations

import threading

import pyarrow as pa
import pytest

from babelsift.pipelines.cli.main import main
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.download.failure_rate import FailureRate
from babelsift.pipelines.stages.download.partition import PartitionDownload
from babelsift.pipelines.stages.download.worker import acquire_worker, release_worker
from babelsift.pipelines.staging.layout import STAGING
from babelsift.pipelines.staging.shards import StagingListing
from babelsift.schemas import DownloadError
from babelsift.schemas.recipe import DownloadSettings
from tests.support.hostile_web import LOOPBACK_ONLY, answer, encoded, photo, reset_after

GOOD = {"status": "success", "reason": None, "detail": None}
SMALL = {"status": "failed_to_resize", "reason": "image_too_small", "detail": "1x1 px"}
DNS = {"status": "failed_to_download", "reason": "dns_failure", "detail": "Temporary failure in name resolution"}
GONE = {"status": "failed_to_download", "reason": "http_status", "detail": "404"}
SETTINGS = DownloadSettings(
    timeout_s=60.0,
    total_timeout_s=120.0,
    **LOOPBACK_ONLY,
    samples_per_staging_shard=60,
    failure_window=20,
    max_failure_rate=0.9,
)


def added(records, rate=0.9, window=10):
    """How many of the records are taken before the band is left; None: all."""
    with FailureRate(rate, window) as band:
        for index, record in enumerate(records):
            try:
                band.add(record)
            except DownloadError:
                return index
    return None


@pytest.mark.parametrize(
    ("records", "at"),
    [
        ([DNS] * 9, None),  # too few to say
        ([DNS] * 10, 9),
        ([DNS] * 9 + [GOOD] + [DNS] * 100, 19),  # when the good one is out of sight
        (([DNS] * 9 + [GOOD]) * 20, None),  # at the limit, not over it
        ([GOOD] * 1000 + [DNS] * 10, 1009),
        ([SMALL] * 100, None),  # a web that can be reached
        ([GONE] * 10, 9),
    ],
)
def test_when_the_band_is_left(records, at):
    assert added(records) == at


def test_switched_off():
    assert added([DNS] * 1000, rate=None) is None


def test_what_is_said():
    with FailureRate(0.9, 10) as band:
        for record in [DNS] * 7 + [GONE] * 2:
            band.add(record)
        with pytest.raises(DownloadError) as raised:
            band.add(GONE)
    assert str(raised.value) == (
        "download: 100% of the last 10 URLs failed, 70% by dns_failure (Temporary failure in name resolution): is there "
        "a name server, and does it answer? Nothing of it was recorded: mend it and run the same command again, or raise "
        "download.max_failure_rate (0.9)"
    )


def test_a_new_attempt_begins_anew():
    band = FailureRate(0.9, 10)
    for _ in range(3):
        with band, band:
            for _ in range(9):
                band.add(DNS)


@pytest.mark.parametrize(("rows", "stops"), [(49, False), (50, True)])
def test_a_shard_of_failures_is_not_recorded(rows, stops):
    band = FailureRate(0.9, 1000)
    if stops:
        with pytest.raises(DownloadError, match="100% of 50 URLs failed"):
            band.check_shard([DNS] * rows)
    else:
        band.check_shard([DNS] * rows)


def test_nothing_is_recorded_and_the_next_run_tries_again(hostile_web, tmp_path):
    down = True

    async def handler(request):
        await (reset_after(b"") if down else answer(encoded(photo(1, (64, 48)))))(request)

    hostile_web.on_any(handler)
    rows = pa.RecordBatch.from_pydict(
        {
            "uid": [f"{n:032x}" for n in range(60)],
            "url": [hostile_web.url(f"/{n}") for n in range(60)],
            "caption": ["c"] * 60,
        }
    )
    folder, worker = RunFolder(str(tmp_path)), acquire_worker(SETTINGS)
    try:
        stager = PartitionDownload(folder, SETTINGS, 1, worker, threading.Event())
        with pytest.raises(DownloadError, match="by connection_failure"):
            stager.stage(0, rows, StagingListing(folder))
        assert folder.list(STAGING) == []
        assert hostile_web.total_requests < 60
        down = False
        [batch] = stager.stage(0, rows, StagingListing(folder))
    finally:
        release_worker(SETTINGS)
    assert set(batch.staged.column("status").to_pylist()) == {"success"}


def test_the_command_says_it_in_one_line(tmp_path, capsys):
    lines = [f"http://127.0.0.1:9/{n}.jpg,a dog with number {n}" for n in range(60)]
    (tmp_path / "pairs.csv").write_text("\n".join(["url,caption", *lines]))
    recipe = "name: mine\ndownload: {failure_window: 20}\n"
    (tmp_path / "mine.yaml").write_text(recipe)
    arguments = ["--recipe", str(tmp_path / "mine.yaml"), "--input", str(tmp_path / "pairs.csv")]
    assert main(["curate", *arguments, "--output", str(tmp_path / "out")]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("babelsift: download: 100% of the last 20 URLs failed, 100% by address_refused (port 9)")
    assert not (tmp_path / "out/funnel.json").exists()
