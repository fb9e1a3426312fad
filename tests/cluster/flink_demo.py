"""Curates the demo's web on a real Flink cluster and in this process, and compares the two, byte for byte.

    make flink-demo                        the same, with what it needs installed first
    python tests/cluster/flink_demo.py --kill    a task manager is killed on the way

Needs Java 11 or 17, and Maven for the job server (or its jar by --job-server-jar). Exits 0 where both are the same.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from compared_runs import (
    check_counters,
    children_cpu_s,
    curate,
    flink_options,
    is_staged,
    kill_busy_task_manager,
    product,
    small_recipe,
    tasks,
)
from flink_cluster import (
    ROOT,
    ClusterError,
    FlinkCluster,
    check_java,
    flink_home,
    running_cluster,
    running_worker_pool,
)
from job_server import build_job_server, check_maven

from babelsift.pipelines.demo.server import serving
from babelsift.pipelines.demo.web import build_web, write_table
from babelsift.pipelines.run_folder.folder import RunFolder


def main() -> int:
    """Runs both and compares; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=ROOT / "out" / "flink-demo")
    parser.add_argument("--task-managers", type=int, default=3, help="of two slots each (default: %(default)s)")
    parser.add_argument("--environment", choices=["EXTERNAL", "PROCESS"], default="EXTERNAL", help="of Python workers")
    parser.add_argument("--kill", action="store_true", help="kill a task manager once the first download is staged")
    parser.add_argument("--job-server-jar", type=Path, help="Beam's Flink job server; without it Maven makes one")
    settings = parser.parse_args()
    if settings.pairs < 1 or settings.task_managers < 2:
        parser.error("--pairs takes at least 1, --task-managers at least 2: the job has four slots")
    with tempfile.TemporaryDirectory(prefix="flink-") as temporary:
        os.environ["TMPDIR"] = tempfile.tempdir = temporary  # where the pool has its socket
        return _run(settings)


def _run(settings: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the cluster is stopped then, too
    try:
        check_java()
        flink_home()
        check_maven(settings.job_server_jar)
        jar = settings.job_server_jar or build_job_server(settings.output.parent / "flink-job-server")
        return compare_runs(settings, jar.resolve())
    except ClusterError as error:
        print(f"flink-demo: {error}", file=sys.stderr)
        return 2


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
        began = children_cpu_s()
        local_s = curate(recipe, str(pairs), str(home / "local"), home / "local.log")
        local_cpu_s = children_cpu_s() - began
        with (
            running_worker_pool(home / "cluster") as pool,
            running_cluster(home / "cluster", task_managers=settings.task_managers) as cluster,
        ):
            print(f"flink-demo: {settings.task_managers} task managers at http://{cluster.master}", flush=True)
            if settings.kill:
                threading.Thread(target=kill_one, args=(cluster, home / "flink"), daemon=True).start()
            options = flink_options(cluster, pool, jar, environment=settings.environment)
            before = children_cpu_s() + cluster.cpu_s() + pool.cpu_s()
            flink_s = curate(recipe, str(pairs), str(home / "flink"), home / "flink.log", options)
            if not settings.kill:  # what a killed one counted is lost to Flink with it
                [job] = [job["jid"] for job in cluster.get("/jobs/overview")["jobs"]]
                check_counters(cluster, job, RunFolder(str(home / "flink")))
                print("flink-demo: Flink's own page counts each stage's rows as the funnel does")
            print(f"flink-demo: {local_s:.0f} s in process, {flink_s:.0f} s on Flink: {flink_s / local_s:.1f} times")
            cpu_s = children_cpu_s() + cluster.cpu_s() + pool.cpu_s() - before
            print(f"flink-demo: {local_cpu_s:.0f} s of CPU in process, {cpu_s:.0f} s on Flink, JVMs among them")
            for name, count in tasks(cluster, "FINISHED").items():
                print(f"flink-demo: {name} finished {count} tasks")
    local, flink = (product(RunFolder(str(home / name))) for name in ("local", "flink"))
    differing = [name for name in sorted({*local, *flink}) if local.get(name) != flink.get(name)]
    if differing:
        print(f"flink-demo: DIFFERS from the local run in {', '.join(differing)}", file=sys.stderr)
        return 1
    print(f"flink-demo: the same as the local run: {len(local) - 2} files byte for byte, {len(local['ledger'])} fates")
    return 0


def kill_one(cluster: FlinkCluster, output: Path) -> None:
    """Kills a busy task manager as soon as a first staging shard is committed."""
    while not is_staged(output):
        time.sleep(0.2)
    kill_busy_task_manager(cluster)


if __name__ == "__main__":
    sys.exit(main())
