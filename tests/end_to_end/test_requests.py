"""How many requests a run on an object store takes, counted in front of a real S3 server."""

import os
import re
from collections import Counter
from types import SimpleNamespace

import pytest
import s3fs
from PIL import Image

from tests.support.small_run import PAIRS, babelsift, product, write_pairs, write_recipe

# Of a final shard, the table of its images too.
SHARD_FILE = re.compile(r"(?P<folder>staging/images|shards|images)/(?P<number>\d+)(\.tar|\.parquet|_stats\.json)\Z")
REST = 20  # requests of a rerun that finds nothing to do, beside one a shard


@pytest.fixture
def small(s3_bucket, hostile_web, tmp_path):
    recipe = write_recipe(tmp_path / "recipe.yaml")
    write_pairs(hostile_web, tmp_path / "pairs.parquet")
    s3fs.S3FileSystem().put(str(tmp_path / "pairs.parquet"), s3_bucket.url("in/pairs.parquet"))
    out = s3_bucket.url("out")

    def curate(*more, output=out, recipe=recipe):
        before = len(s3_bucket.proxy.seen)
        said = babelsift(
            "curate", "--recipe", recipe, "--input", s3_bucket.url("in/*.parquet"), "--output", output, *more
        )
        assert said.code == 0, said.log
        return s3_bucket.proxy.seen[before:]

    return SimpleNamespace(curate=curate, out=out, bucket=s3_bucket, proxy=s3_bucket.proxy, recipe=recipe)


def shards_of(bucket):
    return [path for path in bucket.folder.rglob("*_stats.json") if path.is_file()]


def by_file(requests):
    """Returns (requests of each shard but reads of images, requests by (other file, whether it is read))."""
    shards, others = Counter(), Counter()
    for request in requests:
        path = request.key.removeprefix("out/")
        is_read_of_images = request.kind == "get" and path.startswith("staging/images/") and path.endswith(".tar")
        if not request.key.startswith("out/") or request.kind == "list" or is_read_of_images:
            continue
        match = SHARD_FILE.match(path)
        if match is None:
            others[path, request.kind == "get"] += 1
        else:
            shards[path.startswith("staging/"), match["number"]] += 1
    return shards, others


def test_requests_of_a_run_that_makes_everything(small):
    requests = small.curate()
    kinds = Counter(request.kind for request in requests)
    shards, others = by_file(requests)
    assert kinds["copy"] == 0
    assert len(shards) == len(shards_of(small.bucket)) >= 6
    assert max(shards.values()) <= 8
    often = {"manifest.json", "running.json", "staging/progress/driver.json"}
    assert {file: count for file, count in others.items() if file[0] not in often and count > 3} == {}
    assert others["manifest.json", True] <= kinds["put"] + kinds["delete"] + 5, "a look a commit at most"
    puts = Counter(request.key.removeprefix("out/") for request in requests if request.kind == "put")
    assert {path for path, count in puts.items() if count > 1} <= {*often, "recipe.yaml"}
    assert kinds["list"] <= 25


def test_a_rerun_with_nothing_to_do_asks_once_a_shard_and_touches_nothing(small):
    small.curate()
    before = product(small.out)
    files = {path: path.stat().st_mtime_ns for path in small.bucket.folder.rglob("*") if path.is_file()}
    requests = small.curate()
    assert len(requests) <= REST + len(shards_of(small.bucket))
    assert product(small.out) == before
    assert {path: path.stat().st_mtime_ns for path in small.bucket.folder.rglob("*") if path.is_file()} == files


def test_a_rerun_is_no_rerun_once_anything_has_changed(small, hostile_web, tmp_path):
    """The input, a setting, or a file of the folder: each is found, and mended where it was damaged."""
    small.curate()
    before = product(small.out)
    fs = s3fs.S3FileSystem()

    def has_worked(*more):
        return any(
            request.kind == "put" and request.key.endswith("out/manifest.json") for request in small.curate(*more)
        )

    assert not has_worked()
    shard = small.bucket.url("out/shards/00000001.tar")
    content = fs.cat_file(shard)
    fs.pipe_file(shard, content[:-1] + b"\1")
    assert has_worked()
    assert product(small.out) == before
    assert not has_worked()
    fs.rm_file(small.bucket.url("out/rejects/00000.parquet"))
    assert has_worked()
    assert product(small.out) == before
    assert has_worked("--set", "shards.samples_per_shard=5")
    assert not has_worked("--set", "shards.samples_per_shard=5")
    write_pairs(hostile_web, tmp_path / "more.parquet", PAIRS - 3)
    fs.put(str(tmp_path / "more.parquet"), small.bucket.url("in/pairs.parquet"))
    assert has_worked()
    assert not has_worked()


def test_a_rerun_is_no_rerun_once_files_of_a_glob_or_what_is_said_have_changed(small, tmp_path):
    """Neither is among the settings that a stage is made from."""
    picture = tmp_path / "eval" / "one.png"
    picture.parent.mkdir()
    Image.new("RGB", (64, 64), (200, 10, 10)).save(picture)
    evaluation = ["--set", f"decontaminate.against=['{picture.parent}/*.png']"]

    def has_worked(*more):
        return len(small.curate(*evaluation, *more)) > REST + len(shards_of(small.bucket))

    assert has_worked()
    assert not has_worked()
    its_times = picture.stat()
    picture.write_bytes(picture.read_bytes()[:-1] + b"\x83")  # of equal size, and of an equal time
    os.utime(picture, ns=(its_times.st_atime_ns, its_times.st_mtime_ns))
    assert has_worked()
    Image.new("RGB", (64, 64), (10, 200, 10)).save(picture.with_name("two.png"))
    assert has_worked()
    assert not has_worked()
    assert has_worked("--set", "description=said otherwise")
    assert not has_worked("--set", "description=said otherwise")


def test_a_damaged_receipt_is_none(small):
    small.curate()
    s3fs.S3FileSystem().pipe_file(small.bucket.url("out/staging/finished.json"), b"{")
    assert len(small.curate()) > REST + len(shards_of(small.bucket))
    assert len(small.curate()) <= REST + len(shards_of(small.bucket))


def test_images_are_read_by_several_requests_at_once(small):
    with small.proxy.delaying(0.1) as delay:
        small.curate()
    assert delay.most >= 3
