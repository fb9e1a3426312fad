"""Whole runs on an object store: input, staging and output on a real S3 server, whole and with faults."""

import contextlib
import itertools
import json
import socket
from types import SimpleNamespace

import pytest
import s3fs

from babelsift.pipelines.job.record.receipt import RECEIPT
from babelsift.pipelines.storage.errors import PATIENCE_VARIABLE
from babelsift.pipelines.storage.store import is_temporary
from tests.support.faulty_proxy import Fault
from tests.support.img2dataset_folder import entries, write_shard
from tests.support.small_run import babelsift, product, write_pairs, write_recipe

PASSING = (Fault.UNAVAILABLE, Fault.RESET, Fault.LOST_ANSWER, Fault.CUT_ANSWER, Fault.CHANGED_ANSWER)


@pytest.fixture
def small(s3_bucket, hostile_web, tmp_path, monkeypatch):
    """A small run's input on the store; `curate` runs its command."""
    monkeypatch.setenv(PATIENCE_VARIABLE, "1")  # an outage that lasts is waited for no longer
    recipe = write_recipe(tmp_path / "recipe.yaml")
    write_pairs(hostile_web, tmp_path / "pairs.parquet")
    s3fs.S3FileSystem().put(str(tmp_path / "pairs.parquet"), s3_bucket.url("in/pairs.parquet"))  # with its checksum
    source = ["curate", "--recipe", recipe, "--input", s3_bucket.url("in/*.parquet"), "--output"]

    out = s3_bucket.url("out")

    def curate(output=None):
        return babelsift(*source, output or out)

    return SimpleNamespace(curate=curate, out=out, bucket=s3_bucket, proxy=s3_bucket.proxy)


def test_a_run_on_an_object_store_gives_the_bytes_of_one_on_a_disk(small, tmp_path):
    assert small.curate().code == 0
    assert small.curate(str(tmp_path / "out")).code == 0
    assert product(small.out) == product(str(tmp_path / "out"))
    assert small.proxy.counts["copy"] == 0, "one PUT writes a file"
    assert not [path for path in small.bucket.folder.rglob("*") if is_temporary(str(path))]


@pytest.mark.slow
def test_requests_that_fail_now_and_then_change_nothing(small):
    """Every ninth request of each kind meets another fault."""
    assert small.curate().code == 0
    expected = product(small.out)
    numbers = {}
    with_faults = small.bucket.url("with-faults")
    with contextlib.ExitStack() as stack:
        injections = []
        for turn, fault in enumerate(PASSING):

            def meets(request, turn=turn):
                count = numbers.setdefault((turn, request.kind), itertools.count())
                return next(count) % (9 * len(PASSING)) == 9 * turn

            injections.append(stack.enter_context(small.proxy.injecting(fault, when=meets)))
        said = small.curate(with_faults)
    assert said.code == 0, said.log
    assert product(with_faults) == expected
    assert all(injection.met for injection in injections)


def without_funnel(content):
    """A product while it is not known whether it is complete: its last file says so."""
    return {path: part for path, part in content.items() if path != "funnel.json"}


def test_an_outage_is_one_line_and_takes_nothing_away(small):
    assert small.curate().code == 0
    before = product(small.out)
    for where in ("in/", "out/", ""):
        with small.proxy.injecting(Fault.UNAVAILABLE, key=f"{small.bucket.name}/{where}"):
            said = small.curate()
        assert "run the same command again" in said.error
        assert without_funnel(product(small.out)) == without_funnel(before)
    assert small.curate().code == 0
    assert product(small.out) == before


@pytest.mark.slow
def test_an_input_that_stops_being_read_is_no_lack_of_rows(small):
    """It could still be read when the run was planned."""
    assert small.curate().code == 0
    before = product(small.out)
    reads = [request for request in small.proxy.seen if request.kind == "get" and request.key.startswith("in/")]
    s3fs.S3FileSystem().rm_file(f"{small.out}/{RECEIPT}")  # by which a run sees that it has nothing to do
    for fault in (Fault.UNAVAILABLE, Fault.CUT_ANSWER):  # which of them can pass is the storage room's affair
        with small.proxy.injecting(fault, kind="get", key="in/", after=len(reads) - 1) as injection:
            said = small.curate()
        assert injection.met
        assert "run the same command again" in said.error
        assert without_funnel(product(small.out)) == without_funnel(before)
    assert small.curate().code == 0
    assert product(small.out) == before


@pytest.mark.parametrize("role", ["in", "out"])
def test_a_bucket_that_is_not_there_is_an_error_and_is_not_made(small, role):
    if role == "out":
        said = small.curate("s3://no-such-bucket/out")
    else:
        arguments = ["curate", "--recipe", "demo", "--input", "s3://no-such-bucket/*.parquet", "--output", small.out]
        said = babelsift(*arguments)
    assert "no-such-bucket" in said.error
    assert not small.bucket.folder.with_name("no-such-bucket").exists()


@pytest.mark.parametrize("role", ["in", "out"])
def test_a_url_without_a_bucket_is_one_line(small, role):
    given = {"in": small.bucket.url("in/*.parquet"), "out": small.out, role: "s3://"}
    said = babelsift("curate", "--recipe", "demo", "--input", given["in"], "--output", given["out"])
    assert "names no bucket; write BUCKET/FOLDER after ://" in said.error


@pytest.mark.parametrize(
    ("kind", "what"),
    [("delete", "files in it cannot be removed"), ("put", "cannot write"), ("list", "cannot be read"), ("get", "read")],
)
def test_what_a_bucket_denies_is_one_line(small, kind, what):
    with small.proxy.injecting(Fault.FORBIDDEN, kind=kind, key=f"{small.bucket.name}/out"):
        error = small.curate().error
    assert what in error
    assert error.endswith("check the permissions, or the credentials in the environment or a profile of its own")


def test_an_endpoint_that_is_none_is_named(small, hostile_web, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", hostile_web.url("/path"))
    s3fs.S3FileSystem.clear_instance_cache()
    assert f"there is no bucket {small.bucket.name!r} at {hostile_web.url('/path')}" in small.curate().error


@pytest.mark.parametrize("prefix", ["a b", "a+b", "a%20b", "\u00fc", "a#b", "a&b=c", "a//b", "[x]", "a*b"])
@pytest.mark.slow
def test_a_prefix_may_have_any_characters(small, prefix):
    out = small.bucket.url(f"odd/{prefix}/out")
    assert small.curate(out).code == 0
    before = product(out)
    assert small.curate(out).code == 0
    assert product(out) == before


def test_no_credentials_are_one_line(small, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    s3fs.S3FileSystem.clear_instance_cache()
    assert "credentials" in small.curate().error


def test_a_dead_endpoint_is_one_line(small, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        s3fs.S3FileSystem.clear_instance_cache()
        assert "run the same command again" in small.curate().error


@pytest.mark.slow
def test_images_of_an_img2dataset_folder_on_the_store_give_the_bytes_of_one_on_a_disk(s3_bucket, tmp_path):
    recipe = write_recipe(tmp_path / "recipe.yaml")
    for folder in (s3_bucket.folder / "theirs", tmp_path / "theirs"):
        folder.mkdir()
        for number in range(2):
            write_shard(folder, number, entries(3, first=3 * number))
    before = {path: path.read_bytes() for path in (s3_bucket.folder / "theirs").rglob("*")}
    for url, out in ((s3_bucket.url("theirs"), s3_bucket.url("out")), (tmp_path / "theirs", tmp_path / "out")):
        said = babelsift("curate", "--recipe", recipe, "--staging", str(url), "--output", str(out))
        assert said.code == 0, said.log
    differing = {
        path for path, part in product(s3_bucket.url("out")).items() if product(str(tmp_path / "out"))[path] != part
    }
    assert differing <= {"README.md", "croissant.json", "report/index.html"}, "which name the folder"
    assert json.loads(product(s3_bucket.url("out"))["funnel.json"])["kept_rows"] == 6
    assert {path: path.read_bytes() for path in (s3_bucket.folder / "theirs").rglob("*")} == before
    with s3_bucket.proxy.injecting(Fault.UNAVAILABLE, key="theirs/"):
        said = babelsift(
            "curate", "--recipe", recipe, "--staging", s3_bucket.url("theirs"), "--output", s3_bucket.url("new")
        )
    assert "run the same command again" in said.error
