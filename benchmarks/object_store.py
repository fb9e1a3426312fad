"""Requests that runs on an object store take, by kind, and what a store costs that takes 50 ms for each.

A real S3 server (versitygw) behind a proxy that counts and delays. What delays can cost at most is the time in which a
request was being held, whatever else went on meanwhile: it hangs little on how busy the machine is.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from pathlib import Path
from unittest import mock

import s3fs

from babelsift.schemas import Recipe
from babelsift.schemas.recipe import DownloadSettings, ShardSettings
from benchmarks.harness.outcome import Figure, Outcome
from tests.support.faulty_proxy import FaultyProxy, S3Request
from tests.support.hostile_web import LOOPBACK_ONLY, HostileWeb
from tests.support.s3_server import running_s3_server, s3_environment
from tests.support.small_run import babelsift, write_pairs, write_recipe

PAIRS, PAIRS_SLOW = 240, 3000
DELAY_S = 0.05
_BUCKET = "benchmark"
_SIZE = (640, 480)  # in pixels, of the web's images
_KINDS = ("get", "put", "head", "list", "delete", "copy", "multipart")


def run() -> Outcome:
    """Counts a run, its rerun and one with another threshold; then times a run on a slow store, and on a disk."""
    figures: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory(prefix="babelsift-bench-") as home, running_s3_server() as server:
        server.make_bucket(_BUCKET)
        with (
            HostileWeb() as web,
            FaultyProxy(server.port) as proxy,
            mock.patch.dict(os.environ, s3_environment(proxy.endpoint)),
        ):
            figures |= _counted(web, proxy, Path(home))
            figures |= _slow(web, proxy, Path(home))
    what = f"requests of runs of {PAIRS} pairs on S3; a run of {PAIRS_SLOW} pairs where each takes {DELAY_S * 1e3:g} ms"
    return Outcome("object_store", what, figures)


def _counted(web: HostileWeb, proxy: FaultyProxy, home: Path) -> dict[str, Figure]:
    command = _prepared(web, home, PAIRS, per_staging_shard=22, per_shard=80)
    figures = {}
    for name, more in {
        "first run": (),
        "rerun": (),
        "another threshold": ("--set", "captions.min_characters=26"),
    }.items():
        requests = _requests(proxy, [*command, f"s3://{_BUCKET}/counted", *more])
        counts = Counter(request.kind for request in requests)
        figures[f"{name}: all"] = Figure("requests", sum(counts.values()))
        figures |= {f"{name}: {kind}": Figure("requests", counts[kind]) for kind in _KINDS if counts[kind]}
        if name == "rerun":
            shards = sum(1 for path in _objects("counted") if path.endswith("_stats.json"))
            figures["rerun: all"] = Figure("requests", len(requests), goal=f"<= {20 + shards}: 20, and 1 a shard")
    return figures


def _slow(web: HostileWeb, proxy: FaultyProxy, home: Path) -> dict[str, Figure]:
    command = _prepared(web, home, PAIRS_SLOW, per_staging_shard=500, per_shard=1000)
    started = time.perf_counter()
    _requests(proxy, [*command, str(home / "slow")])
    local_s = time.perf_counter() - started
    started = time.perf_counter()
    with proxy.delaying(DELAY_S) as delay:
        requests = _requests(proxy, [*command, f"s3://{_BUCKET}/slow"])
    slow_s = time.perf_counter() - started
    return {
        "slow store: requests": Figure("requests", len(requests)),
        "slow store: held": Figure(
            "s", delay.waited_s, local_s, 1 + delay.waited_s / local_s, "ratio <= 1.3 to a disk"
        ),
        "slow store: by the clock": Figure("s", slow_s, local_s, slow_s / local_s),
    }


def _prepared(web: HostileWeb, home: Path, pairs: int, *, per_staging_shard: int, per_shard: int) -> list[str]:
    """Writes recipe and input; returns a command that lacks its output."""
    download = DownloadSettings(samples_per_staging_shard=per_staging_shard, **LOOPBACK_ONLY)
    recipe = Recipe(name="bench", download=download, shards=ShardSettings(samples_per_shard=per_shard))
    write_pairs(web, home / f"{pairs}.parquet", pairs, size=_SIZE)
    source = f"s3://{_BUCKET}/in-{pairs}/pairs.parquet"
    s3fs.S3FileSystem().put(str(home / f"{pairs}.parquet"), source)
    return ["curate", "--recipe", write_recipe(home / f"{pairs}.yaml", recipe), "--input", source, "--output"]


def _requests(proxy: FaultyProxy, command: list[str]) -> list[S3Request]:
    before = len(proxy.seen)
    said = babelsift(*command)
    if said.code != 0:
        raise RuntimeError(said.log)
    return proxy.seen[before:]


def _objects(folder: str) -> list[str]:
    return list(s3fs.S3FileSystem().find(f"{_BUCKET}/{folder}"))
