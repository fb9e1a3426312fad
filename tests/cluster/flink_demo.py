"""Curates the demo's web on a real Flink cluster and in this process, and compares the two, byte for byte.

    make flink-demo                        the same, with what it needs installed first
    python tests/cluster/flink_demo.py --kill    a task manager is killed on the way

Needs Java 11 or 17, and Maven for the job server (or its jar by --job-server-jar). Exits 0 where both are the same.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from flink_cluster import ROOT, ClusterError, FlinkCluster, check_java, flink_home, running_cluster

from babelsift.pipelines.demo.server import serving
from babelsift.pipelines.demo.web import build_web, write_table
from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import FUNNEL, REJECTS, STATS
from babelsift.pipelines.stages.shard.shard_writer import SHARDS
from babelsift.pipelines.staging.layout import STAGING
from babelsift.schemas import dump_recipe

PARALLELISM = 4
_BOOT = Path(__file__).with_name("worker_boot.py")
_POM = Path(__file__).with_name("job_server") / "pom.xml"


def main() -> int:
    """Runs both and compares; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=ROOT / "out" / "flink-demo")
    parser.add_argument("--task-managers", type=int, default=3, help="of two slots each (default: %(default)s)")
    parser.add_argument("--kill", action="store_true", help="kill a task manager once the first download is staged")
    parser.add_argument("--job-server-jar", type=Path, help="Beam's Flink job server; without it Maven makes one")
    settings = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the cluster is stopped then, too
    try:
        check_java()
        flink_home()
        jar = settings.job_server_jar or build_job_server(settings.output.parent / "flink-job-server")
        return compare_runs(settings, jar.resolve())
    except ClusterError as error:
        print(f"flink-demo: {error}", file=sys.stderr)
        return 2


def build_job_server(target: Path) -> Path:
    """Returns the job server's jar, made by Maven on the first call.

    Raises:
        ClusterError: Maven is missing, or fails.
    """
    if not (jars := sorted(target.glob("flink-job-server-*.jar"))):
        if shutil.which("mvn") is None:
            raise ClusterError("Maven (`mvn`) makes the job server; install it, or name its jar by --job-server-jar")
        print("flink-demo: making Beam's Flink job server with Maven, once (about 160 MB)", flush=True)
        work = target / "work"
        work.mkdir(parents=True, exist_ok=True)
        shutil.copy(_POM, work / "pom.xml")
        done = subprocess.run(["mvn", "-B", "-q", "package"], cwd=work, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise ClusterError(f"Maven failed: {done.stdout.strip().splitlines()[0]}; or use --job-server-jar")
        [made] = (work / "target").glob("flink-job-server-*.jar")
        jars = [made.rename(target / made.name)]
        shutil.rmtree(work)
    return jars[0]


def compare_runs(settings: argparse.Namespace, jar: Path) -> int:
    """Curates one web twice; returns 0 where nothing differs."""
    home = settings.output.resolve()
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    recipe, pairs = home / "recipe.yaml", home / "pairs.parquet"
    recipe.write_text(small_recipe())
    web = build_web(settings.seed, settings.pairs)
    with serving(web) as base_url:
        write_table(web, pairs, base_url)
        curate(recipe, pairs, home / "local", [])
        with running_cluster(home / "cluster", task_managers=settings.task_managers) as cluster:
            print(f"flink-demo: {settings.task_managers} task managers at http://{cluster.master}", flush=True)
            if settings.kill:
                threading.Thread(target=kill_one, args=(cluster, home / "flink"), daemon=True).start()
            curate(recipe, pairs, home / "flink", flink_options(cluster, jar))
            for name, count in tasks(cluster, "FINISHED").items():
                print(f"flink-demo: {name} finished {count} tasks")
    local, flink = (product(RunFolder(str(home / name))) for name in ("local", "flink"))
    differing = [name for name in sorted({*local, *flink}) if local.get(name) != flink.get(name)]
    if differing:
        print(f"flink-demo: DIFFERS from the local run in {', '.join(differing)}", file=sys.stderr)
        return 1
    print(f"flink-demo: the same as the local run: {len(local) - 1} files byte for byte, {len(local['ledger'])} fates")
    return 0


def small_recipe() -> str:
    """Returns the demo's recipe with small partitions and shards, so that there are many of both."""
    recipe = load_recipe("demo")
    download = recipe.download.model_copy(update={"samples_per_staging_shard": 50})
    shards = recipe.shards.model_copy(update={"samples_per_shard": 50})
    return dump_recipe(recipe.model_copy(update={"download": download, "shards": shards}))


def flink_options(cluster: FlinkCluster, jar: Path) -> list[str]:
    """Returns the Beam options of a job on the cluster."""
    return [
        "--runner=FlinkRunner",
        f"--flink_master={cluster.master}",
        f"--flink_job_server_jar={jar}",
        f"--parallelism={PARALLELISM}",
        "--environment_type=PROCESS",
        f"--environment_config={json.dumps({'command': str(_BOOT)})}",
    ]


def curate(recipe: Path, pairs: Path, output: Path, options: list[str]) -> None:
    """Runs `babelsift curate` as a process of its own.

    Raises:
        ClusterError: it failed.
    """
    command = [sys.executable, "-m", "babelsift", "curate", "--recipe", str(recipe), "--input", str(pairs)]
    started = time.monotonic()
    with output.with_suffix(".log").open("wb") as log:
        code = subprocess.run(
            [*command, "--output", str(output), *options], cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
        ).returncode
    if code:
        lines = output.with_suffix(".log").read_text(errors="replace").splitlines()
        raise ClusterError(f"the {output.name} run failed: {lines[-1] if lines else ''}; see {output}.log")
    print(f"flink-demo: the {output.name} run took {time.monotonic() - started:.0f} s", flush=True)


def kill_one(cluster: FlinkCluster, output: Path) -> None:
    """Kills a busy task manager, without a warning, as soon as a first staging shard is committed."""
    staging = RunFolder(str(output))
    while not staging.list(STAGING, STATS) or not (busy := tasks(cluster, "RUNNING")):
        time.sleep(0.2)
    name = max(busy, key=busy.__getitem__)
    cluster.task_managers[name].kill()
    print(f"flink-demo: killed {name}, which was running {busy[name]} tasks", flush=True)


def tasks(cluster: FlinkCluster, state: str) -> dict[str, int]:
    """Returns task manager -> how many tasks of the job it has in a state, by the job manager's own account."""

    def get(path: str) -> Any:
        with urllib.request.urlopen(f"http://{cluster.master}{path}", timeout=30) as answer:
            return json.load(answer)

    found: Counter[str] = Counter()
    for job in get("/jobs/overview")["jobs"]:
        for vertex in get(f"/jobs/{job['jid']}")["vertices"]:
            subtasks = get(f"/jobs/{job['jid']}/vertices/{vertex['id']}")["subtasks"]
            found.update(task["taskmanager-id"] for task in subtasks if task["status"] == state)
    return dict(sorted(found.items()))


def product(folder: RunFolder) -> dict[str, Any]:
    """Returns everything that must not differ: files' bytes, and each rejected row's fate."""
    names = [*(f"{SHARDS}/{name}" for name in folder.list(SHARDS)), "sizes.json", "recipe.yaml"]
    columns = ["source_row", "uid", "stage", "reason"]
    ledger = [pq.read_table(folder.path(REJECTS, name), columns=columns) for name in folder.list(REJECTS, ".parquet")]
    rows = pa.concat_tables(ledger).sort_by("source_row").to_pylist()
    funnel = folder.read_json(FUNNEL)
    del funnel["timings"]
    return {name: folder.open(*name.split("/")).read() for name in names} | {"ledger": rows, "funnel": funnel}


if __name__ == "__main__":
    sys.exit(main())
