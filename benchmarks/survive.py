"""Survive: kill -9 at random moments over a run, the same command again: the same bytes, and nothing paid for twice.

And two workers, as threads and as processes of their own, against one.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from aiohttp import web

from babelsift.pipelines.demo.server import DemoServer
from babelsift.pipelines.demo.web import DemoWeb, build_web, write_table
from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import FUNNEL, PARQUET, REJECTS, STATS
from babelsift.pipelines.stages.shard.shard_writer import SHARDS
from babelsift.pipelines.staging.layout import STAGING
from babelsift.pipelines.staging.scores.score_store import SCORES_FOLDER
from babelsift.schemas import Recipe, dump_recipe
from benchmarks.harness.outcome import Figure, Outcome

KILLS = 20
PAIRS = 240
_STAGING_ROWS = 30
_TWO_WORKERS = ("multi_threading", "multi_processing")
_PARTITIONS_UNDER_WAY = 3  # what a kill may cost: the shards of so many partitions


@dataclass
class Survival:
    """What one kill came to. `*_again`: requests and scores of what was committed when the kill came."""

    at_s: float
    is_equal: bool
    requests_again: int
    requests_in_flight: int
    scores_again: int
    seconds: float


def run(kills: int = KILLS, pairs: int = PAIRS) -> Outcome:
    """Runs once undisturbed, then once a kill in a folder of its own."""
    draw = random.Random(0)
    demo = build_web(0, pairs)
    with tempfile.TemporaryDirectory() as home, CountingServer(demo) as server:
        (Path(home) / "recipe.yaml").write_text(dump_recipe(_recipe()))
        write_table(demo, Path(home) / "pairs.parquet", server.url)
        started = time.monotonic()
        subprocess.run(_command(home, "whole"), check=True, capture_output=True)
        seconds, expected = time.monotonic() - started, product(RunFolder(f"{home}/whole"))
        urls = _staged(RunFolder(f"{home}/whole"))
        for mode in _TWO_WORKERS:
            shutil.rmtree(f"{home}/two", ignore_errors=True)
            server.begin()
            two = ["--direct_num_workers", "2", "--direct_running_mode", mode]
            subprocess.run([*_command(home, "two"), *two], check=True, capture_output=True)
            if product(RunFolder(f"{home}/two")) != expected:
                raise AssertionError(f"two workers ({mode}) gave other bytes than one")
        found = []
        for kill in range(kills):
            found.append(_survive(home, seconds * (kill + draw.random()) / kills, server, expected, urls))
            print(f"survive: killed at {found[-1].at_s:.1f} of {seconds:.1f} s: {found[-1]}", flush=True)
    return _outcome(found, seconds, pairs)


def _survive(home: str, moment: float, server: CountingServer, expected: dict, urls: dict[str, str]) -> Survival:
    folder = RunFolder(f"{home}/killed")
    shutil.rmtree(folder.url, ignore_errors=True)
    server.begin()
    started = time.monotonic()
    process = subprocess.Popen(_command(home, "killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(moment)
    process.kill()
    process.wait()
    committed = _staged(folder)
    before = server.begin()
    subprocess.run(_command(home, "killed"), check=True, capture_output=True)
    after = server.begin()
    open_urls = {urls[uid] for uid in urls.keys() - committed.keys()}
    scored = Counter(_scored(folder))
    return Survival(
        at_s=moment,
        is_equal=product(folder) == expected,
        requests_again=sum(after[url] for url in set(committed.values()) - open_urls),
        requests_in_flight=sum(1 for url in before if url in after),
        scores_again=sum(scored.values()) - len(scored),
        seconds=time.monotonic() - started,
    )


def _outcome(found: list[Survival], seconds: float, pairs: int) -> Outcome:
    if not all(one.is_equal for one in found):
        raise AssertionError(f"other bytes after a kill: {[one for one in found if not one.is_equal]}")
    what = (
        f"{pairs} pairs of the demo, staging shards of {_STAGING_ROWS}; {len(found)} kills, one in each part of a run"
    )
    bound = _PARTITIONS_UNDER_WAY * _STAGING_ROWS
    again = statistics.median(one.seconds for one in found)
    return Outcome(
        "survive",
        what,
        {
            "same_product_of_two_workers": Figure("modes", len(_TWO_WORKERS), goal=str(len(_TWO_WORKERS))),
            "same_product": Figure("runs", sum(one.is_equal for one in found), goal=str(len(found))),
            "committed_downloads_again": Figure("requests", sum(one.requests_again for one in found), goal="0"),
            "most_downloads_again": Figure(
                "URLs a kill", max(one.requests_in_flight for one in found), goal=f"<= {bound}, the shards in flight"
            ),
            "committed_scores_again": Figure("pairs", sum(one.scores_again for one in found), goal="0"),
            "seconds_killed_and_again": Figure("s", again, seconds, again / seconds),
        },
    )


def _recipe() -> Recipe:
    recipe = load_recipe("demo")
    # Patient, so that a busy machine does not make another web of it.
    patience = {"timeout_s": 4.0, "total_timeout_s": 10.0, "samples_per_staging_shard": _STAGING_ROWS}
    download = recipe.download.model_copy(update=patience)
    shards = recipe.shards.model_copy(update={"samples_per_shard": 50})
    return recipe.model_copy(update={"download": download, "shards": shards})


def _command(home: str, output: str) -> list[str]:
    source = ["--recipe", f"{home}/recipe.yaml", "--input", f"{home}/pairs.parquet"]
    return [sys.executable, "-m", "babelsift", "curate", *source, "--output", f"{home}/{output}"]


def product(folder: RunFolder) -> dict[str, Any]:
    """Returns what must not differ: the product's bytes as digests, and each row's fate."""
    names = [*(f"{SHARDS}/{name}" for name in folder.list(SHARDS)), "sizes.json", "recipe.yaml"]
    found: dict[str, Any] = {name: hashlib.sha256(folder.open(name).read()).hexdigest() for name in names}
    ledger = _rows(folder, [f"{REJECTS}/{name}" for name in folder.list(REJECTS)], ["source_row", "stage", "reason"])
    return found | {
        "funnel": folder.read_json(FUNNEL)["stages"],
        "fates": sorted(tuple(row.values()) for row in ledger),
    }


def _staged(folder: RunFolder) -> dict[str, str]:
    """{uid: url} of the committed staging shards."""
    marks = [f"{STAGING}/{name}" for name in folder.list(STAGING, STATS)]
    rows = _rows(folder, [mark.removesuffix(STATS) + PARQUET for mark in marks], ["uid", "url"])
    return {row["uid"]: row["url"] for row in rows}


def _scored(folder: RunFolder) -> list[str]:
    paths = [path for path in folder.fs.find(folder.path(SCORES_FOLDER)) if path.endswith(".parquet")]
    prefix = folder.path() + "/"
    return [row["uid"] for row in _rows(folder, [path.removeprefix(prefix) for path in paths], ["uid"])]


def _rows(folder: RunFolder, paths: list[str], columns: list[str]) -> list[dict[str, Any]]:
    tables = [pq.read_table(folder.path(path), columns=columns) for path in paths]
    return pa.concat_tables(tables).to_pylist() if tables else []


@dataclass
class CountingServer:
    """Serves a demo's web from a thread, and counts who was asked for; a context manager."""

    demo: DemoWeb
    asked: Counter[str] = field(default_factory=Counter)

    def __enter__(self) -> CountingServer:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="web", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def begin(self) -> Counter[str]:
        """Returns the requests by URL since the last time, and begins with a web that has not been asked before."""
        asked, self.asked = self.asked, Counter()
        self._server = DemoServer(self.demo)
        return asked

    async def _start(self) -> None:
        self.begin()
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, backlog=1024).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked[f"{self.url}{request.path_qs}"] += 1
        return await self._server.answer(request)
