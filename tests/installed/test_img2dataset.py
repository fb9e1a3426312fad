"""babelsift and img2dataset in one environment: the one asks for what the other listed, by the recipe's settings."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.hostile_web import HostileWeb, answer, encoded, photo
from tests.support.installation import Installation, refused_in_one_line, run_uv, succeeded, user_environment

pytestmark = pytest.mark.slow
_IMAGES = 40
_RECIPE = """
name: with-img2dataset
download:
  {image_size: 32, min_image_size: 20, retries: 0, ports: null, allow_addresses: ["127.0.0.1/32"], thread_count: 4,
   samples_per_staging_shard: 3}
shards: {samples_per_shard: 8}
"""
_REFUSED = ["http://10.0.0.1/a.jpg", "http://0x7f000001/b.jpg", "http://user@127.0.0.1/c.jpg"]


@pytest.fixture(scope="module")
def both(installation):
    """An environment of its own: img2dataset brings much that others have not."""
    home = installation.home.parent / "with_img2dataset"
    run_uv("venv", "--quiet", "--clear", "--python", sys.executable, home)
    run_uv("pip", "install", "--quiet", "--python", home / "bin" / "python", f"{installation.wheel}[img2dataset]")
    return Installation(home, installation.sources, installation.wheel, installation.sdist)


def _curate(home):
    return ["curate", "--recipe", "recipe.yaml", "--input", "pairs.parquet", "--output", "out", *home]


def _rows(folder):
    return [row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


class _Web:
    """Answers by path; stands still once img2dataset has finished a shard, until it is let go."""

    def __init__(self, web, made):
        self.web, self._made = web, made
        self.is_stuck, self.may_go = threading.Event(), threading.Event()
        self.bodies = {f"/{n} ü.jpg": encoded(photo(n, (64, 48))) for n in range(_IMAGES)}
        self.bodies |= {"/small.jpg": encoded(photo(1, (64, 10))), "/page.jpg": b"<html>"}
        self.noai = web.on("/noai.jpg", answer(self.bodies["/0 ü.jpg"], "X-Robots-Tag: noai"))
        self.busy = web.on("/busy.jpg", self._busy)
        self.is_busy = True
        web.on_any(self._any)

    async def _any(self, request):
        if not self.may_go.is_set() and list(self._made.glob("*_stats.json")):
            self.is_stuck.set()
            await asyncio.Event().wait()
        path = request.path.replace("%20", " ").replace("%C3%BC", "ü")
        await (answer(self.bodies[path]) if path in self.bodies else answer(b"", status=404))(request)

    async def _busy(self, request):
        await (answer(b"", status=503) if self.is_busy else answer(encoded(photo(_IMAGES, (64, 48)))))(request)


@pytest.fixture
def web(tmp_path):
    (tmp_path / "recipe.yaml").write_text(_RECIPE)
    with HostileWeb() as served:
        web = _Web(served, tmp_path / "out/staging/img2dataset/images")
        urls = [served.url(path) for path in [*web.bodies, "/gone.jpg"]] + [web.noai, web.busy, *_REFUSED]
        urls += urls[:1]  # two texts of one image
        captions = [f"caption {n} of an image" for n in range(len(urls))]
        pq.write_table(
            pa.table({"url": urls, "caption": captions, "rank": range(len(urls))}), tmp_path / "pairs.parquet"
        )
        yield web


def test_img2dataset_downloads_within_a_run_that_is_killed_goes_on_and_tries_again(both, web, tmp_path):
    command = [str(both.home / "bin/babelsift"), *_curate(["--download-with", "img2dataset"])]
    with subprocess.Popen(command, cwd=tmp_path, env=user_environment(), stderr=subprocess.PIPE) as process:
        web.is_stuck.wait()
        os.kill(process.pid, signal.SIGKILL)
        process.stderr.read()  # to its end: all that could write to it are gone
    made = tmp_path / "out/staging/img2dataset/images"
    finished = [row["url"] for path in made.glob("*_stats.json") for row in _table_of(path)]
    assert 0 < len(finished) < _IMAGES
    web.may_go.set()
    before = dict(web.web.requests)
    succeeded(both.babelsift(*_curate(["--download-with", "img2dataset"]), cwd=tmp_path))
    paths = [url.partition(str(web.web.port))[2] for url in finished]
    assert [web.web.requests[path] for path in paths] == [before[path] for path in paths]
    kept, ledger = _rows(tmp_path / "out/shards"), _rows(tmp_path / "out/rejects")
    assert len(kept) + len(ledger) == _IMAGES + 9
    assert len(kept) == _IMAGES + 1, "two texts of one image"
    assert {row["rank"] for row in kept} >= set(range(_IMAGES))
    fates = {row["url"].rpartition("/")[2]: (row["reason"], row["value"]) for row in ledger}
    assert fates == {
        "small.jpg": ("image_too_small", "image too small"),
        "page.jpg": ("image_undecodable", "Image decoding error"),
        "gone.jpg": ("http_status", "404"),
        "busy.jpg": ("http_status", "503"),
        "noai.jpg": ("opted_out", "Use of image disallowed by X-Robots-Tag directive"),
        "a.jpg": ("address_refused", "private address 10.0.0.1"),
        "b.jpg": ("address_refused", "odd spelling of an address: 0x7f000001"),
        "c.jpg": ("address_refused", "user information in the URL"),
    }
    listed = _rows(tmp_path / "out/staging/img2dataset/urls")
    assert not {row["listed_url"] for row in listed} & set(_REFUSED), "img2dataset never heard of them"
    assert "img2dataset 1." in json.loads((tmp_path / "out/manifest.json").read_text())["facts"]["downloaded with"]

    web.is_busy = False
    asked = web.web.total_requests
    again = ["--download-with", "img2dataset", "--retry-failed", "5xx"]
    succeeded(both.babelsift(*_curate(again), cwd=tmp_path))
    assert web.web.total_requests == asked + 1
    assert len(_rows(tmp_path / "out/shards")) == _IMAGES + 2


def _table_of(stats):
    return pq.read_table(stats.with_name(stats.name.replace("_stats.json", ".parquet")), columns=["url"]).to_pylist()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--download-with", "img2dataset", "--distributor", "dask"], "one of multiprocessing, pyspark, ray"),
        (["--download-with", "img2dataset", "--distributor", "ray"], "ray is not installed"),
        (["--distributor", "ray"], "--download-with img2dataset"),
        (["--download-with", "img2dataset", "--staging", "there"], "leave out one"),
    ],
)
def test_what_img2dataset_cannot_do_is_one_line_before_the_run(both, web, tmp_path, options, says):
    assert says in refused_in_one_line(both.babelsift(*_curate(options), cwd=tmp_path))
    assert not (tmp_path / "out").exists()
