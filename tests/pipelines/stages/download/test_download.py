from __future__ import annotations

import asyncio
import json
import logging
import pickle

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from apache_beam.testing.test_pipeline import TestPipeline as BeamPipeline
from apache_beam.testing.util import assert_that

from babelsift.pipelines.core.stage_outputs import REJECTED
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.download.download_images import DownloadImages
from babelsift.pipelines.staging.layout import STAGING
from babelsift.pipelines.staging.partitions import Partitioning
from babelsift.pipelines.staging.shards import read_staged_images
from babelsift.schemas import DOWNLOAD_SCHEMA, LANGUAGE_SCHEMA, LEDGER_SCHEMA, RecipeError, SchemaError, check
from babelsift.schemas.recipe import DownloadSettings
from tests.support.hostile_web import LOOPBACK_ONLY, HostileWeb, answer, encoded, photo, redirect, reset_after, silence
from tests.support.image_files import jpeg_segment, jpeg_with

PROHIBITING_XMP = b'http://ns.adobe.com/xap/1.0/\0<r plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED"/>'
SETTINGS = DownloadSettings(
    image_size=64,
    timeout_s=60.0,
    total_timeout_s=120.0,
    **LOOPBACK_ONLY,
    samples_per_staging_shard=4,
    thread_count=8,
)
BODIES = {f"/photo/{n}.jpg": encoded(photo(n, (160, 120))) for n in range(20)}


@pytest.fixture
def web(hostile_web) -> HostileWeb:
    for path, body in BODIES.items():
        hostile_web.on(path, answer(body))
    return hostile_web


def rows(urls: list[str], first: int = 0) -> pa.RecordBatch:
    """Pairs with uids spread over the partitions, and a carried column."""
    numbers = range(first, first + len(urls))
    uids = [f"{n * 2654435761 % 2**32:08x}{n:024x}" for n in numbers]
    columns = [
        pa.array(uids),
        pa.array(urls),
        pa.array([f"caption {n}" for n in numbers]),
        pa.array(["in.parquet"] * len(urls)),
        pa.array(list(numbers), pa.int64()),
        pa.array(["en"] * len(urls)),
        pa.array([0.5] * len(urls), pa.float32()),
        pa.array([f"carried {n}" for n in numbers]),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema([*LANGUAGE_SCHEMA, pa.field("alt", pa.string())]))


class Outcome:
    """What one run gave: kept and rejected rows as dicts, batches, counters."""

    def __init__(
        self, folder: RunFolder, batches: list[pa.RecordBatch], settings: DownloadSettings, partitions: int
    ) -> None:
        pipeline = BeamPipeline(runner="apache_beam.runners.portability.fn_api_runner.FnApiRunner")
        with pipeline:
            out = pipeline | beam.Create(batches, reshuffle=False) | DownloadImages(folder, settings, partitions)
            assert_that(out.kept, _collect(folder, "kept"), label="kept")
            assert_that(out[REJECTED], _collect(folder, "rejected"), label="rejected")
        self.batches = _collected(folder, "kept")
        self.kept = [row for batch in self.batches for row in batch.to_pylist()]
        self.rejected = [row for batch in _collected(folder, "rejected") for row in batch.to_pylist()]
        counters = pipeline.result.metrics().query(beam.metrics.MetricsFilter().with_namespace("download"))["counters"]
        self.counters = {counter.key.metric.name: counter.committed for counter in counters}


def _collect(folder: RunFolder, name: str):
    """A matcher that takes everything, and keeps it for `_collected`: closures are copied on their way to a runner."""

    def write(batches):
        folder.write(f"{name}.pickle", pickle.dumps(batches))

    return write


def _collected(folder: RunFolder, name: str) -> list[pa.RecordBatch]:
    with folder.open(f"{name}.pickle") as file:
        return pickle.load(file)


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return RunFolder(str(tmp_path))


def run(
    folder: RunFolder, *batches: pa.RecordBatch, settings: DownloadSettings = SETTINGS, partitions: int = 3
) -> Outcome:
    return Outcome(folder, list(batches), settings, partitions)


def photos(web: HostileWeb, count: int) -> list[str]:
    return [web.url(path) for path in list(BODIES)[:count]]


def test_every_pair_is_kept_or_rejected_with_its_reason(web, folder):
    urls = [
        *photos(web, 6),
        web.url("/404"),
        web.on("/html", answer(b"<html>soft 404</html>")),
        web.on("/svg", answer(b"<svg xmlns='http://www.w3.org/2000/svg'/>")),
        web.on("/cut", answer(BODIES["/photo/0.jpg"][:800])),
        web.on("/small", answer(encoded(photo(1, (12, 9))))),
        web.on("/silent", silence()),
        web.on("/reset", reset_after(b"")),
        web.on("/robots", answer(BODIES["/photo/0.jpg"], "X-Robots-Tag: noai")),
        web.on("/tdm", answer(BODIES["/photo/0.jpg"], "tdm-reservation: 1")),
        web.on("/mined", answer(jpeg_with(BODIES["/photo/0.jpg"], jpeg_segment(0xE1, PROHIBITING_XMP)))),
        web.on("/inward", redirect("http://169.254.169.254/")),
        "file:///etc/passwd",
        "http://10.0.0.1/a.jpg",
    ]
    outcome = run(folder, rows(urls), settings=SETTINGS.model_copy(update={"min_image_size": 10, "timeout_s": 5.0}))
    found = {
        row["url"].removeprefix(web.url("")): (row["reason"], row["value"], row["threshold"])
        for row in outcome.rejected
    }
    assert found == {
        "/404": ("http_status", "404", None),
        "/html": ("not_an_image", "html", None),
        "/svg": ("image_format_not_allowed", "svg", None),
        "/cut": ("image_undecodable", "jpg with 92% of its rows missing or damaged", None),
        "/small": ("image_too_small", "12x9 px", "10"),
        "/silent": ("timeout", "read, 5 s", None),
        "/reset": ("connection_failure", "connection reset", None),
        "/robots": ("opted_out", "noai", None),
        "/tdm": ("tdm_reserved", "tdm-reservation: 1", None),
        "/mined": ("data_mining_prohibited", "DMI-PROHIBITED", None),
        "/inward": ("address_refused", "link-local address 169.254.169.254", None),
        "file:///etc/passwd": ("address_refused", "scheme file", None),
        "http://10.0.0.1/a.jpg": ("address_refused", "private address 10.0.0.1", None),
    }
    assert sorted(row["url"] for row in outcome.kept) == sorted(urls[:6])
    times = {name: outcome.counters.pop(name) for name in ("fetch_msec", "process_msec")}
    assert times["fetch_msec"] >= 300
    assert outcome.counters == {
        "in_rows": 19,
        "out_rows": 6,
        "rejected_address_refused_rows": 3,
        "rejected_connection_failure_rows": 1,
        "rejected_data_mining_prohibited_rows": 1,
        "rejected_http_status_rows": 1,
        "rejected_image_format_not_allowed_rows": 1,
        "rejected_image_too_small_rows": 1,
        "rejected_image_undecodable_rows": 1,
        "rejected_not_an_image_rows": 1,
        "rejected_opted_out_rows": 1,
        "rejected_tdm_reserved_rows": 1,
        "rejected_timeout_rows": 1,
    }


def test_rows_carry_what_is_known_and_where_the_image_lies(web, folder):
    outcome = run(folder, rows(photos(web, 12)))
    assert len(outcome.kept) == 12
    for batch in outcome.batches:
        check(batch, DOWNLOAD_SCHEMA, where="test")
        assert batch.schema.names == [*DOWNLOAD_SCHEMA.names, "alt"]
        assert len(pc.unique(batch.column("staging_shard"))) == 1
        images = read_staged_images(folder, batch)
        assert all(image.startswith(b"\xff\xd8\xff") for image in images)
        assert [len(image) for image in images] == batch.column("image_size").to_pylist()
    for row in outcome.kept:
        number = row["source_row"]
        assert row["alt"] == f"carried {number}"
        assert row["caption"] == f"caption {number}"
        assert (row["width"], row["height"], row["original_width"], row["original_height"]) == (85, 64, 160, 120)
        assert row["original_bytes"] == len(BODIES[f"/photo/{number}.jpg"])
        assert int(row["uid"][:8], 16) % 3 == row["staging_shard"] % 3
    assert len({row["key"] for row in outcome.kept}) == 12


def test_ledger_schema(web, folder):
    run(folder, rows([web.url("/404")]))
    (batch,) = _collected(folder, "rejected")
    assert batch.schema.equals(LEDGER_SCHEMA)
    assert (batch.column("stage")[0].as_py(), batch.column("language")[0].as_py()) == ("download", "en")


def test_second_run_asks_the_web_for_nothing(web, folder):
    pairs = rows([*photos(web, 10), web.url("/404")])
    first = run(folder, pairs)
    asked = web.total_requests
    assert asked == 11
    second = run(folder, pairs.slice(5), pairs.slice(0, 5))
    assert web.total_requests == asked
    by_uid = [sorted(rows_, key=lambda row: row["uid"]) for rows_ in (first.kept, second.kept)]
    assert by_uid[0] == by_uid[1]
    assert first.rejected == second.rejected
    assert second.counters["reused_rows"] == second.counters["in_rows"] == 11
    assert "fetch_msec" not in second.counters


def test_more_input_downloads_only_the_new_pairs(web, folder):
    urls = photos(web, 20)
    run(folder, rows(urls[:8]))
    outcome = run(folder, rows(urls))
    assert set(web.requests.values()) == {1}
    assert len(outcome.kept) == len({row["key"] for row in outcome.kept}) == 20
    assert outcome.counters["reused_rows"] == 8


def test_less_input_uses_what_is_there(web, folder):
    urls = photos(web, 8)
    run(folder, rows(urls))
    assert len(run(folder, rows(urls).slice(2, 3)).kept) == 3
    assert web.total_requests == 8


def test_settings_of_the_network_do_not_repeat_downloads(web, folder):
    pairs = rows(photos(web, 6))
    run(folder, pairs)
    changes = {"timeout_s": 0.2, "retries": 3, "thread_count": 2, "samples_per_staging_shard": 100, "contact": "me"}
    run(folder, pairs, settings=SETTINGS.model_copy(update=changes))
    assert web.total_requests == 6


def test_another_size_is_downloaded_again_and_said_so(web, folder, caplog):
    pairs = rows(photos(web, 6))
    run(folder, pairs, partitions=1)
    with caplog.at_level(logging.WARNING):
        outcome = run(folder, pairs, settings=SETTINGS.model_copy(update={"image_size": 32}), partitions=1)
    assert web.total_requests == 12
    assert {row["height"] for row in outcome.kept} == {32}
    assert "staging shard 00000 is redone: image_size was 64, now 32" in caplog.text
    assert folder.list(STAGING, ".tar") == ["00000.tar", "00001.tar"]


@pytest.mark.parametrize("lost", ["_stats.json", ".tar", ".parquet"])
def test_half_written_shard_is_redone_and_others_are_not(web, folder, caplog, lost):
    pairs = rows(photos(web, 8))
    run(folder, pairs, partitions=1)
    folder.remove(f"{STAGING}/00000{lost}")
    with caplog.at_level(logging.WARNING):
        outcome = run(folder, pairs, partitions=1)
    assert "staging shard 00000 is redone" in caplog.text
    assert "staging shard 00001" not in caplog.text
    assert web.total_requests == 12
    assert len({row["key"] for row in outcome.kept}) == 8
    assert folder.list(STAGING) == [f"0000{n}{s}" for n in (0, 1) for s in (".parquet", ".tar", "_stats.json")]


def test_shards_of_others_are_left_alone(web, folder, caplog):
    foreign = {"count": 1, "successes": 1}
    folder.write_json(f"{STAGING}/00000_stats.json", foreign)
    folder.write(f"{STAGING}/00000.tar", b"theirs")
    outcome = run(folder, rows(photos(web, 2)), partitions=1)
    assert {row["staging_shard"] for row in outcome.kept} == {1}
    assert folder.read_json(STAGING, "00000_stats.json") == foreign
    assert folder.open(STAGING, "00000.tar").read() == b"theirs"
    assert "00000 is left alone: something else than babelsift wrote it" in caplog.text


def test_slow_urls_of_one_partition_do_not_stall_the_next(web, folder):
    under_way = {"now": 0, "most": 0}

    async def slow(request):
        under_way["now"] += 1
        under_way["most"] = max(under_way.values())
        await asyncio.sleep(0.1)
        under_way["now"] -= 1
        await answer(b"", status=404)(request)

    urls = [web.on(f"/slow/{n}", slow) for n in range(12)]
    outcome = run(folder, rows(urls), partitions=12)
    assert under_way["most"] > 2  # more than any one of these partitions has
    assert outcome.counters["fetch_msec"] >= 12 * 100
    assert len(outcome.rejected) == 12


def test_shards_are_img2datasets(web, folder, caplog):
    with caplog.at_level(logging.INFO):
        run(folder, rows([*photos(web, 5), web.url("/404")]), partitions=2)
    assert "download: staging shard" in caplog.text
    assert "images/s" in caplog.text
    for name in folder.list(STAGING, "_stats.json"):
        stats = json.loads(folder.open(STAGING, name).read())
        assert stats["count"] == stats["successes"] + stats["failed_to_download"] + stats["failed_to_resize"]
        assert stats["count"] == sum(stats["status_dict"].values()) <= 4
        assert stats["duration"] == stats["end_time"] - stats["start_time"]


def test_partition_comes_from_the_uid():
    batch = rows(["http://e.com"] * 50)
    wanted = [int(uid[:8], 16) % 7 for uid in batch.column("uid").to_pylist()]
    assert Partitioning(7)(batch).tolist() == wanted
    assert Partitioning(7)(batch.slice(0, 0)).tolist() == []


def test_batches_of_another_schema_are_refused():
    with pytest.raises(SchemaError, match="download: column 'uid'"):
        Partitioning(2)(pa.RecordBatch.from_pydict({"url": ["x"]}))


def test_wrong_networks_are_refused_before_a_run(folder):
    with pytest.raises(RecipeError, match="allow_addresses"):
        DownloadImages(folder, DownloadSettings(allow_addresses=("10.0.0.1/8",)), 1)


def test_a_folder_that_cannot_be_written_fails_the_run(web, tmp_path):
    (tmp_path / "staging").write_text("a file where a folder should be")
    with pytest.raises(Exception, match="staging"):
        run(RunFolder(str(tmp_path)), rows(photos(web, 3)))


def test_after_the_folder_grew_a_shard_still_comes_as_one_batch(web, folder):
    urls = photos(web, 20)
    run(folder, rows(urls[:10]), partitions=1)
    pipeline = BeamPipeline(runner="apache_beam.runners.portability.fn_api_runner.FnApiRunner")
    with pipeline:
        grown = DownloadImages(folder, SETTINGS, 8, first_partitions=1)
        out = pipeline | beam.Create([rows(urls)], reshuffle=False) | grown
        assert_that(out["kept"], _collect(folder, "kept"), label="kept")
    batches = _collected(folder, "kept")
    shards = [set(batch.column("staging_shard").to_pylist()) for batch in batches]
    assert all(len(one) == 1 for one in shards)
    assert len(set.union(*shards)) == len(shards)
    assert sorted(url for batch in batches for url in batch.column("url").to_pylist()) == sorted(urls)
    assert set(web.requests.values()) == {1}


def test_partitions_that_are_no_multiple_of_the_first_are_refused(folder):
    with pytest.raises(ValueError, match="multiple of 2"):
        DownloadImages(folder, SETTINGS, 3, first_partitions=2)
