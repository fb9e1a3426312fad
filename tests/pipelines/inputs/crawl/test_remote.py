"""Crawls where they lie: on S3 and behind a web server, by globs and by lists of paths."""

import gzip

import pytest

from babelsift.pipelines.inputs.plan import plan_input
from tests.support.crawl_files import image_link, metadata_record, wat_json
from tests.support.hostile_web import answer
from tests.support.input_rows import read_rows

FOLDER = "crawl-data/CC-MAIN-2024-22/segments/17/wat"


def wat(number):
    url = f"https://example.org/{number}.html"
    return metadata_record(url, wat_json(url, [image_link(f"/{number}.jpg", f"a dog numbered {number}")]))


def pairs(plan):
    return [(row["source_file"], row["url"], row["crawl"]) for row in read_rows(plan).pairs]


@pytest.fixture
def crawl(s3_bucket):
    """A bucket with 300 WAT files and their list."""
    names = [f"{FOLDER}/{number:05d}.warc.wat.gz" for number in range(300)]
    (s3_bucket.folder / FOLDER).mkdir(parents=True)
    for number, name in enumerate(names):
        (s3_bucket.folder / name).write_bytes(wat(number) if number < 3 else b"")
    (s3_bucket.folder / "crawl-data/CC-MAIN-2024-22/wat.paths.gz").write_bytes(gzip.compress("\n".join(names).encode()))
    return s3_bucket


def test_a_glob_on_s3_asks_for_no_files_size(crawl):
    plan = plan_input([crawl.url(f"{FOLDER}/*.warc.wat.gz")])
    assert crawl.proxy.counts["head"] <= 2
    assert crawl.proxy.counts["list"] <= 8
    assert pairs(plan)[:2] == [
        (f"{number:05d}.warc.wat.gz", f"https://example.org/{number}.jpg", "CC-MAIN-2024-22") for number in range(2)
    ]


def test_a_list_on_s3_asks_for_the_sizes_of_some(crawl):
    plan = plan_input([crawl.url("crawl-data/CC-MAIN-2024-22/wat.paths.gz")])
    assert len(plan.slices) == 152  # the empty ones of those that were asked are none
    assert crawl.proxy.counts["head"] < 160
    assert [source for source, _, _ in pairs(plan)] == [f"{FOLDER}/{number:05d}.warc.wat.gz" for number in range(3)]


def test_a_list_behind_a_web_server_names_files_beside_it(hostile_web):
    names = [f"{FOLDER}/{number}.warc.wat.gz" for number in range(2)]
    for number, name in enumerate(names):
        hostile_web.on(f"/{name}", answer(wat(number)))
    listed = hostile_web.on("/crawl-data/CC-MAIN-2024-22/wat.paths", answer("\n".join(names).encode()))
    assert pairs(plan_input([listed])) == [
        (name, f"https://example.org/{number}.jpg", "CC-MAIN-2024-22") for number, name in enumerate(names)
    ]
