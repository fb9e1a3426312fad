import json

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

from babelsift.filters.uids import compute_uids
from babelsift.pipelines.core.runners.run_job import worker_error
from babelsift.pipelines.core.stage_outputs import REJECTED
from babelsift.pipelines.inputs.pairs import unreadable_rows
from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.run_folder.tombstones import Tombstones, digests_of
from babelsift.pipelines.stages.read import ReadPairs, UnreadableRate
from babelsift.schemas import InputError
from babelsift.schemas.recipe import ReadSettings
from tests.support.crawl_files import image_link, metadata_record, page_record, wat_json
from tests.support.without_packages import run_without


def unreadable(rows):
    return unreadable_rows("a.csv", list(range(rows)), ["not JSON"] * rows)


@pytest.mark.parametrize(
    ("rows", "bad", "is_within"), [(49, 49, True), (50, 5, True), (50, 6, False), (1000, 101, False)]
)
def test_more_unreadable_rows_than_the_rate_stop_the_run(rows, bad, is_within):
    rate = UnreadableRate(0.1, "a.csv")
    rate.add(rows, [unreadable(bad), unreadable(0)])
    if is_within:
        rate.check()
        return
    with pytest.raises(
        InputError,
        match=rf"a.csv: {bad / rows:.0%} of {rows} rows .*\(the first: not JSON\).*max_unreadable_rate \(0.1\)",
    ):
        rate.check()


def test_a_file_in_another_encoding_stops_the_run_and_says_so(tmp_path):
    lines = [f"http://x/{row},{'größe' if row % 3 == 0 else 'size'} {row}" for row in range(90)]
    (tmp_path / "a.csv").write_bytes("\n".join(["url,caption", *lines]).encode("latin-1"))
    plan = plan_input([str(tmp_path / "a.csv")])
    with (
        pytest.raises(Exception, match="rows cannot be read") as raised,
        beam.Pipeline(runner=FnApiRunner()) as pipeline,
    ):
        _ = pipeline | ReadPairs(plan)
    line = str(worker_error(raised.value))
    assert "a.csv: 33% of 90 rows cannot be read (the first: 'gr\\udcf6\\udcdfe 0' is not UTF-8)" in line


@pytest.mark.parametrize(("rows", "bad", "said"), [(1, 1, True), (2, 1, False), (0, 0, False)])
def test_a_small_file_of_which_nothing_can_be_read_is_said(caplog, rows, bad, said):
    rate = UnreadableRate(0.1, "a.warc.gz")
    rate.add(rows, [unreadable(bad)])
    rate.check()
    rate.say_if_nothing_is_readable()
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert lines == (["read: a.warc.gz: nothing in it could be read: not JSON"] if said else [])


def test_without_a_rate_any_file_is_read():
    rate = UnreadableRate(None, "a.csv")
    rate.add(100, [unreadable(100)])
    rate.check()


def test_many_small_files_are_counted_together(tmp_path):
    for number in range(40):
        rows = [json.dumps({"url": f"http://x/{row}", "caption": "a"}) for row in range(30)] + ["not JSON"] * 10
        (tmp_path / f"{number:02d}.jsonl").write_text("\n".join(rows))
    plan = plan_input([str(tmp_path / "*.jsonl")])
    with (
        pytest.raises(Exception, match="rows cannot be read") as raised,
        beam.Pipeline(runner=FnApiRunner()) as pipeline,
    ):
        _ = pipeline | ReadPairs(plan)
    assert str(worker_error(raised.value)).startswith("the files read so far: 25% of 1000 rows cannot be read")
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = pipeline | ReadPairs(plan, ReadSettings(max_unreadable_rate=0.3))


def read_times():
    """Carries what only pandas makes Python values of; imported where there is no pandas."""
    import tempfile

    import pyarrow.parquet as pq

    from babelsift.pipelines.inputs.read_slice import read_slice

    with tempfile.TemporaryDirectory() as folder:
        at = pa.array([1_700_000_000_123_456_789], pa.timestamp("ns"))
        pq.write_table(pa.table({"url": ["http://x"], "caption": ["a"], "at": at, "by": at}), f"{folder}/a.parquet")
        plan = plan_input([f"{folder}/a.parquet"])
        [(_, [pairs], _, _)] = read_slice(plan.slices[0], plan)
    print(pairs.column("at").to_pylist())


def test_reading_needs_no_pandas():
    assert run_without(read_times) == "['2023-11-14 22:13:20.123456789']\n"


@pytest.mark.parametrize(("settings", "reasons"), [({}, ["page_opted_out"]), ({"page_opt_outs": False}, [])])
@pytest.mark.parametrize("name", ["a.warc.gz", "a.warc.wat.gz"])
def test_opt_outs_of_pages_are_heard_unless_they_are_switched_off(tmp_path, name, settings, reasons):
    page, metas = "https://example.org/", [{"name": "robots", "content": "noai"}]
    html = '<head><meta name=robots content=noai></head><img src=/1.jpg alt="a dog">'
    of_wat = metadata_record(page, wat_json(page, [image_link("/1.jpg", "a dog")], metas=metas))
    (tmp_path / name).write_bytes(of_wat if "wat" in name else page_record(page, html))
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        read = pipeline | ReadPairs(plan_input([str(tmp_path / name)]), ReadSettings(**settings))
        urls = read.kept | beam.FlatMap(lambda batch: batch.column("url").to_pylist())
        found = read[REJECTED] | beam.FlatMap(lambda batch: batch.column("reason").to_pylist())
        assert_that(urls, equal_to([] if reasons else ["https://example.org/1.jpg"]), label="Kept")
        assert_that(found, equal_to(reasons), label="Left out")


def test_what_was_removed_on_request_is_rejected_with_uid_and_source_alone(tmp_path):
    urls = [
        "http://a.example/1.jpg",
        "http://www.gone.example/2.jpg",
        "http://gone.example/3.jpg",
        "http://b.example/4",
    ]
    captions = ["one", "two", None, "four"]
    pq.write_table(pa.table({"url": urls, "caption": captions}), tmp_path / "a.parquet")
    uid = compute_uids(pa.array(urls[3:]), pa.array(captions[3:]))[0].as_py()
    digests = {kind: frozenset(digests_of(kind, [value])) for kind, value in (("uid", uid), ("domain", "gone.example"))}
    read = ReadPairs(plan_input([str(tmp_path / "a.parquet")]), removed=Tombstones(digests))
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        result = pipeline | read
        assert_that(result.kept | "Kept" >> beam.FlatMap(lambda batch: batch["url"].to_pylist()), equal_to(urls[:1]))
        ledger = result[REJECTED] | "Rows" >> beam.FlatMap(lambda batch: batch.to_pylist())
        columns = ("source_row", "stage", "reason", "url", "caption", "value", "threshold")
        rows = ledger | "Values" >> beam.Map(lambda row: tuple(row[name] for name in columns))
        assert_that(rows, equal_to([(row, "read", "removed", *[None] * 4) for row in (1, 2, 3)]), label="Ledger")
