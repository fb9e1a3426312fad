from __future__ import annotations

import threading
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from babelsift.filters.uids import partition_of
from babelsift.pipelines.cli.main import main
from babelsift.pipelines.job.run import run
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.download.partition import PartitionDownload
from babelsift.pipelines.stages.download.retry import NO_RETRY, parse_retry
from babelsift.pipelines.stages.download.worker import acquire_worker, release_worker
from babelsift.pipelines.staging.layout import STAGING
from babelsift.pipelines.staging.shards import StagingListing, read_staged_images
from babelsift.schemas import Recipe, RecipeError
from babelsift.schemas.recipe import DedupImagesSettings, DownloadSettings
from tests.support.hostile_web import answer, encoded, photo, raw

SETTINGS = DownloadSettings(
    image_size=32, timeout_s=60.0, retries=0, ports=None, allow_addresses=("127.0.0.0/8",), samples_per_staging_shard=4
)
LATE = 1e12


# --- classes


@pytest.mark.parametrize(
    ("classes", "reason", "detail", "wanted"),
    [
        (["timeout"], "timeout", "read, 10 s", True),
        (["timeout", "dns"], "dns_failure", "x", True),
        (["dns"], "timeout", "read, 10 s", False),
        ([" DNS "], "dns_failure", "x", True),
        (["dns_failure"], "dns_failure", "x", True),
        (["http"], "http_status", "404", True),
        (["503"], "http_status", "503", True),
        (["503"], "http_status", "504", False),
        (["5xx"], "http_status", "504", True),
        (["5xx"], "http_status", "404", False),
        (["5xx"], "timeout", "5xx", False),
        (["5xx"], "http_status", None, False),
        (["all"], "image_undecodable", "broken jpg", True),
        (["opt_outs"], "content_usage_opt_out", "train-ai=n", True),
        (["opt_outs"], "opted_out", "noai", True),
        (["opt_outs"], "tdmrep_reserved", "tdmrep.json of a.example", True),
        (["opt_outs"], "timeout", "read, 10 s", False),
        (["tdm_reserved"], "tdm_reserved", "tdm-reservation: 1", True),
        (["hash_list"], "on_hash_list", "known", True),
        (["unhashed"], "on_hash_list", "known", False),
        (["all"], None, None, False),
        (["timeout"], None, None, False),
    ],
)
def test_what_is_tried_again(classes, reason, detail, wanted):
    assert parse_retry(classes, before=0).wants(reason, detail) == wanted


def test_images_without_hashes_are_no_failures_but_wanted():
    assert parse_retry(["unhashed"], before=0).unhashed
    assert parse_retry(["unhashed"], before=0).wants_any
    assert not parse_retry(["dns"], before=0).unhashed


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("timeuot", "did you mean 'timeout'?"),
        ("", "one of dns"),
        ("999", "or a status"),
        ("alle", "did you mean 'all'?"),
    ],
)
def test_classes_that_are_none(name, hint):
    with pytest.raises(RecipeError, match=r"--retry-failed: no class") as raised:
        parse_retry(["dns", name], before=0)
    assert hint in str(raised.value)


def test_wrong_classes_are_one_line_before_anything_is_read(tmp_path, capsys):
    arguments = ["--recipe", "datacomp-basic", "--input", "/no/such", "--output", str(tmp_path / "out")]
    assert main(["curate", *arguments, "--retry-failed", "dsn"]) == 2
    assert capsys.readouterr().err.strip() == "babelsift: --retry-failed: no class 'dsn'; did you mean 'dns'?"


# --- staging


@pytest.fixture
def stage(tmp_path, hostile_web):
    """stage(rows, ...) -> {uid: (shard, status, reason)} over all partitions, in a folder of its own."""
    folder, worker = RunFolder(str(tmp_path)), acquire_worker(SETTINGS)

    def run(rows, retry=NO_RETRY, partitions=1, first_partitions=None):
        stager = PartitionDownload(folder, SETTINGS, partitions, worker, threading.Event(), retry, first_partitions)
        numbers = partition_of(rows.column("uid"), partitions)
        fates = {}
        listing = StagingListing(folder)
        for partition in range(partitions):
            own = rows.take(pa.array(np.flatnonzero(numbers == partition)))
            for batch in stager.stage(partition, own, listing) if len(own) else ():
                assert batch.rows.column("uid").equals(batch.staged.column("uid"))
                for row in batch.staged.to_pylist():
                    assert row["uid"] not in fates
                    fates[row["uid"]] = (batch.shard, row["status"], row["reason"])
                images = batch.staged.filter(pa.array([s == "success" for s in batch.staged["status"].to_pylist()]))
                located = images.append_column("staging_shard", pa.array([batch.shard] * len(images), pa.int32()))
                assert all(image.startswith(b"\xff\xd8") for image in read_staged_images(folder, located))
        return fates

    yield run
    release_worker(SETTINGS)


def pairs(web, count, first=0):
    numbers = range(first, first + count)
    uids = [f"{n * 2654435761 % 2**32:08x}{n:024x}" for n in numbers]
    urls = [web.url(f"/{n}") for n in numbers]
    return pa.RecordBatch.from_pydict({"uid": uids, "url": urls, "caption": ["c"] * count})


def number(uid):
    return int(uid[8:], 16)


@pytest.fixture
def web(hostile_web):
    """Of ten URLs one answers in no HTTP, one answers 503, one 404, until `mended` is set; the others have an image."""
    hostile_web.mended = False
    good = answer(encoded(photo(1, (64, 48))))

    async def handler(request):
        kind = int(request.path[1:]) % 10
        broken = {1: raw(b"nonsense\r\n\r\n"), 2: answer(b"", status=503), 3: answer(b"", status=404)}
        await (good if hostile_web.mended else broken.get(kind, good))(request)

    hostile_web.on_any(handler)
    return hostile_web


def test_failures_of_a_class_are_asked_for_again_and_nothing_else(web, stage):
    rows = pairs(web, 20)
    first = stage(rows)
    assert Counter(reason for _, _, reason in first.values()) == {
        None: 14,
        "protocol_error": 2,
        "http_status": 4,
    }
    web.mended = True
    web.requests.clear()
    second = stage(rows, parse_retry(["protocol", "503"], before=LATE))
    assert dict(web.requests) == {"/1": 1, "/11": 1, "/2": 1, "/12": 1}
    assert {uid: fate for uid, fate in second.items() if number(uid) % 10 not in (1, 2)} == {
        uid: fate for uid, fate in first.items() if number(uid) % 10 not in (1, 2)
    }
    assert {second[uid][1:] for uid in second if number(uid) % 10 in (1, 2)} == {("success", None)}
    web.requests.clear()
    # without the option what was found last stands, and again nothing is asked for
    assert stage(rows) == second
    assert web.total_requests == 0


def test_a_failure_that_stays_one_is_asked_for_once_a_run(web, stage):
    rows = pairs(web, 10)
    first = stage(rows)
    web.requests.clear()
    second = stage(rows, parse_retry(["503"], before=LATE))
    assert {uid: fate[1:] for uid, fate in second.items()} == {uid: fate[1:] for uid, fate in first.items()}
    assert dict(web.requests) == {"/2": 1}
    # a bundle of the same run that is tried again: what it found is of this run already
    assert stage(rows, parse_retry(["503"], before=0)) == second
    assert web.total_requests == 1


def test_a_success_is_not_lost_to_a_later_failure(web, stage):
    rows = pairs(web, 10)
    web.mended = True
    first = stage(rows)
    web.mended = False
    assert stage(rows, parse_retry(["all"], before=LATE)) == first


def test_every_pair_still_has_one_fate(web, tmp_path):
    table = {"url": [web.url(f"/{n}") for n in range(20)], "caption": [f"a photo of thing {n}" for n in range(20)]}
    pq.write_table(pa.table(table), tmp_path / "pairs.parquet")
    recipe = Recipe(name="retried", download=SETTINGS, dedup_images=DedupImagesSettings(exact=False))
    where = ([str(tmp_path / "pairs.parquet")], str(tmp_path / "out"))
    first = run(recipe, *where)
    assert (first.input_rows, first.kept_rows) == (20, 14)
    web.mended = True
    web.requests.clear()
    second = run(recipe, *where, retry_failed=["503", "protocol"])
    assert (second.input_rows, second.kept_rows) == (20, 18)
    assert set(web.requests) == {"/1", "/11", "/2", "/12"}
    ledger = pq.read_table(tmp_path / "out/rejects").to_pylist()
    assert sorted((row["url"], row["value"]) for row in ledger) == [(web.url("/13"), "404"), (web.url("/3"), "404")]


# --- growth


@pytest.mark.parametrize("grown", [2, 4, 8])
def test_when_partitions_multiply_earlier_downloads_are_found(web, stage, tmp_path, grown):
    first = stage(pairs(web, 40), partitions=2)
    files = {path.name: path.read_bytes() for path in (tmp_path / STAGING).iterdir()}
    web.requests.clear()
    second = stage(pairs(web, 60), partitions=2 * grown, first_partitions=2)
    assert set(web.requests) == {f"/{n}" for n in range(40, 60)}
    assert set(web.requests.values()) == {1}
    assert {uid: fate for uid, fate in second.items() if uid in first} == first
    assert {name: (tmp_path / STAGING / name).read_bytes() for name in files} == files
    new = {shard for uid, (shard, _, _) in second.items() if uid not in first}
    assert not new & {shard for shard, _, _ in first.values()}
    web.requests.clear()
    assert stage(pairs(web, 60), partitions=2 * grown, first_partitions=2) == second
    assert web.total_requests == 0


def test_a_shard_from_before_that_is_broken_is_taken_away_by_one_partition(web, stage, tmp_path):
    first = stage(pairs(web, 16), partitions=1)
    (tmp_path / STAGING / "00001.tar").unlink()
    web.requests.clear()
    second = stage(pairs(web, 16), partitions=4, first_partitions=1)
    lost = {uid for uid, (shard, _, _) in first.items() if shard == 1}
    assert set(web.requests) == {f"/{number(uid)}" for uid in lost}
    assert {uid: fate for uid, fate in second.items() if uid not in lost} == {
        uid: fate for uid, fate in first.items() if uid not in lost
    }
    assert {uid: fate[1:] for uid, fate in second.items()} == {uid: fate[1:] for uid, fate in first.items()}
