"""Measures what a real Flink costs beside this process, and what more workers give.

    make flink-figures                       the same, with what it needs installed first
    python tests/cluster/flink_figures.py --only metadata --pairs 100000

    metadata    the text stages of so many drawn pairs, in process and on Flink: seconds of CPU of all processes
    latency     the download of pairs whose web answers after a while, by one worker and by four: seconds by the clock

Both compare what is made. Needs Java 11 or 17, and Maven for the job server (or its jar by --job-server-jar).
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from compared_runs import children_cpu_s, curate, flink_options
from flink_cluster import ROOT, SLOTS, ClusterError, FlinkCluster, WorkerPool, running_cluster, running_worker_pool
from job_server import build_job_server, check_maven

sys.path.insert(0, str(ROOT))  # for tests.support and benchmarks

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.schemas import Recipe, dump_recipe, recipe_from
from babelsift.schemas.recipe import DownloadSettings
from benchmarks.workloads.drawn_pairs import BATCH_ROWS, draw_pairs
from tests.support.hostile_web import LOOPBACK_ONLY, HostileWeb, Request, answer, encoded, photo

_WORKERS = 4
_WORKERS_CPU = "Python workers"
_LATENCY_S = 2.0
_THREADS = 4  # URLs in flight at once in a worker, so that latency is what it waits for


def main() -> int:
    """Measures; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(_FIGURES), help="default: both")
    parser.add_argument("--pairs", type=int, default=100_000, help="of the text stages (default: %(default)s)")
    parser.add_argument("--images", type=int, default=256, help="of the late web (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "out" / "flink-figures", help="removed first")
    parser.add_argument("--job-server-jar", type=Path, help="Beam's Flink job server; without it Maven makes one")
    settings = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the cluster is stopped then, too
    home = settings.output.resolve()
    shutil.rmtree(home, ignore_errors=True)
    try:
        check_maven(settings.job_server_jar)
        jar = settings.job_server_jar or build_job_server(settings.output.parent / "flink-job-server")
        with tempfile.TemporaryDirectory(prefix="flink-") as temporary:
            os.environ["TMPDIR"] = tempfile.tempdir = temporary  # where the pool has its socket
            for name in [settings.only] if settings.only else _FIGURES:
                folder = home / name
                folder.mkdir(parents=True)
                with (
                    running_worker_pool(folder) as pool,
                    running_cluster(folder, task_managers=_WORKERS // SLOTS) as cluster,
                ):
                    _FIGURES[name](settings, folder, jar.resolve(), cluster, pool)
    except ClusterError as error:
        print(f"flink-figures: {error}", file=sys.stderr)
        return 2
    return 0


def measure_metadata(
    settings: argparse.Namespace, home: Path, jar: Path, cluster: FlinkCluster, pool: WorkerPool
) -> None:
    """Prints the CPU time of the text stages in process and on Flink.

    Raises:
        ClusterError: a run fails, or the two differ.
    """
    recipe, pairs = home / "recipe.yaml", home / "pairs.parquet"
    recipe.write_text(dump_recipe(_text_recipe()))
    batches = [draw_pairs(first) for first in range(0, settings.pairs, BATCH_ROWS)]
    table = pa.Table.from_batches(batches).select(["url", "caption"])
    pq.write_table(table.slice(0, settings.pairs), pairs)
    until = ["--until", "dedup_pairs"]
    before = children_cpu_s()
    curate(recipe, str(pairs), str(home / "local"), home / "local.log", until)
    local_s = children_cpu_s() - before
    before, cluster_before, pool_before = children_cpu_s(), cluster.cpu_s(), pool.cpu_s()
    options = [*until, *flink_options(cluster, pool, jar, parallelism=2)]
    curate(recipe, str(pairs), str(home / "flink"), home / "flink.log", options)
    parts = {
        "the driver and Beam's job server": children_cpu_s() - before,
        "Flink": cluster.cpu_s() - cluster_before,
        _WORKERS_CPU: pool.cpu_s() - pool_before,
    }
    said = ", ".join(f"{name} {seconds:.0f}" for name, seconds in parts.items())
    flink_s = sum(parts.values())
    print(
        f"flink-figures: {settings.pairs} pairs to dedup_pairs: {local_s:.0f} s of CPU in process, {flink_s:.0f} s on"
    )
    print(f"flink-figures: Flink ({said}): {flink_s / local_s:.2f} times")
    if _made(home / "local") != _made(home / "flink"):
        raise ClusterError(f"the runs differ: see {home}")


def measure_latency(
    settings: argparse.Namespace, home: Path, jar: Path, cluster: FlinkCluster, pool: WorkerPool
) -> None:
    """Prints how long one worker and four take for images that come late.

    Raises:
        ClusterError: a run fails, or the two differ.
    """
    taken: dict[int, float] = {}
    recipe = home / "recipe.yaml"
    with LateWeb(settings.images) as web:
        pq.write_table(web.table(), home / "pairs.parquet")
        download = DownloadSettings(
            thread_count=_THREADS, samples_per_staging_shard=max(1, settings.images // 64), **LOOPBACK_ONLY
        )
        recipe.write_text(dump_recipe(Recipe(name="late", download=download)))
        for workers in (1, _WORKERS):
            options = ["--until", "download", *flink_options(cluster, pool, jar, parallelism=workers)]
            options.append(f"--sdk_worker_parallelism={min(workers, SLOTS)}")  # a process a slot
            output, log = str(home / f"by-{workers}"), home / f"by-{workers}.log"
            whole_s = curate(recipe, str(home / "pairs.parquet"), output, log, options)
            taken[workers] = web.span_s()
            print(
                f"flink-figures: {settings.images} images, {_LATENCY_S:g} s each, {_THREADS} at once a worker: "
                f"{workers} workers took {taken[workers]:.1f} s to download, {whole_s:.0f} s in all"
            )
    print(f"flink-figures: {_WORKERS} workers are {taken[1] / taken[_WORKERS]:.2f} times faster than one")
    if _made(home / "by-1") != _made(home / f"by-{_WORKERS}"):
        raise ClusterError(f"the runs differ: see {home}")


class LateWeb:
    """A web whose images come after a while, and which knows when it was asked; a context manager."""

    def __init__(self, images: int) -> None:
        self._images = images
        self._web = HostileWeb()
        self._asked: list[float] = []

    def __enter__(self) -> LateWeb:
        self._web.__enter__()
        for number in range(self._images):
            self._web.on(f"/{number}.jpg", self._late(encoded(photo(number, (64, 48)))))
        return self

    def __exit__(self, *_: object) -> None:
        self._web.__exit__()

    def table(self) -> pa.Table:
        """Returns the pairs."""
        numbers = range(self._images)
        urls = [self._web.url(f"/{number}.jpg") for number in numbers]
        return pa.table({"url": urls, "caption": [f"a photo of thing number {number}" for number in numbers]})

    def span_s(self) -> float:
        """Returns the seconds from the first request to the last answer since it was asked before."""
        asked, self._asked = self._asked, []
        return max(asked) - min(asked) + _LATENCY_S

    def _late(self, body: bytes) -> Callable:
        at_once = answer(body)

        async def handler(request: Request) -> None:
            self._asked.append(time.monotonic())
            await asyncio.sleep(_LATENCY_S)
            await at_once(request)

        return handler


def _text_recipe() -> Recipe:
    content = {
        "name": "metadata",
        "captions": {"min_words": 3, "min_characters": 10, "reject_urls": True},
        "frequency": {"max_images_per_caption": 50},
        "dedup_pairs": {"near_captions": {}},
        "download": {"samples_per_staging_shard": 10_000},
    }
    return recipe_from(content, source="flink-figures")


def _made(output: Path) -> dict[str, Any]:
    """Returns all that a run until a stage leaves; where an image lies in its tar hangs on which came first."""
    folder = RunFolder(str(output))
    made: dict[str, Any] = {}
    for name in folder.files_under("until"):
        made[name] = folder.read(name)
        if name.endswith(".parquet"):
            table = pq.read_table(io.BytesIO(made[name]))
            made[name] = table.select([column for column in table.schema.names if column != "image_offset"])
    return made


_FIGURES = {"metadata": measure_metadata, "latency": measure_latency}


if __name__ == "__main__":
    sys.exit(main())
