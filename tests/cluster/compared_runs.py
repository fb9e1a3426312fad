"""One web curated in process and on Flink: the runs, and all of their products that must not differ."""

from __future__ import annotations

import base64
import json
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.coders import VarIntCoder
from flink_cluster import ROOT, ClusterError, FlinkCluster, WorkerPool

from babelsift.pipelines.processes import start_child
from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import FUNNEL, REJECTS, STATS
from babelsift.pipelines.stages.shard.shard_writer import SHARDS
from babelsift.pipelines.staging.layout import STAGING
from babelsift.schemas import Funnel, dump_recipe

PARALLELISM = 4


def small_recipe() -> str:
    """Returns the demo's recipe with small partitions and shards, so that there are many of both."""
    recipe = load_recipe("demo")
    download = recipe.download.model_copy(update={"samples_per_staging_shard": 50})
    shards = recipe.shards.model_copy(update={"samples_per_shard": 50})
    return dump_recipe(recipe.model_copy(update={"download": download, "shards": shards}))


def flink_options(
    cluster: FlinkCluster, pool: WorkerPool, jar: Path, *, parallelism: int = PARALLELISM, environment: str = "EXTERNAL"
) -> list[str]:
    """Returns the Beam options of a job on the cluster.

    Args:
        cluster: the cluster.
        pool: from which its task managers get Python workers.
        jar: Beam's job server.
        parallelism: slots that the job takes.
        environment: EXTERNAL: by the pool's port; PROCESS: by a command.
    """
    command = json.dumps({"command": "babelsift-worker"})
    return [
        "--runner=FlinkRunner",
        f"--flink_master={cluster.master}",
        f"--flink_job_server_jar={jar}",
        f"--parallelism={parallelism}",
        f"--environment_type={environment}",
        f"--environment_config={command if environment == 'PROCESS' else pool.address}",
    ]


def curate(
    recipe: Path,
    pairs: str,
    output: str,
    log: Path,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> float:
    """Runs `babelsift curate` as a process of its own; returns the seconds that it took.

    Args:
        recipe: the recipe's file.
        pairs: the table.
        output: the run folder.
        log: file of what it prints.
        options: further words of the command.
        environment: None: this process's own.

    Raises:
        ClusterError: it failed.
    """
    started = time.monotonic()
    process = start_curate(recipe, pairs, output, log, options, environment)
    try:
        code = process.wait()
    finally:
        process.kill()
    if code:
        lines = log.read_text(errors="replace").splitlines()
        raise ClusterError(f"the run into {output} failed: {lines[-1] if lines else ''}; see {log}")
    print(f"the run into {output} took {time.monotonic() - started:.0f} s", flush=True)
    return time.monotonic() - started


def start_curate(
    recipe: Path,
    pairs: str,
    output: str,
    log: Path,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Starts `babelsift curate`, as `curate` does, and does not wait for it."""
    command = [sys.executable, "-m", "babelsift", "curate", "--recipe", str(recipe), "--input", pairs]
    with log.open("wb") as file:
        return start_child(
            [*command, "--output", output, *options],
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=None if environment is None else dict(environment),
        )


def children_cpu_s() -> float:
    """Returns the seconds of CPU that all runs by `curate` have taken so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def is_staged(folder: Path, shards: int = 1) -> bool:
    """Whether so many staging shards are committed, in a run folder as it lies on this machine."""
    return len(list((folder / STAGING).glob(f"*{STATS}"))) >= shards


def kill_busy_task_manager(cluster: FlinkCluster) -> str:
    """Kills the task manager with the most running tasks, without a warning; returns its name."""
    while not (busy := tasks(cluster, "RUNNING")):
        time.sleep(0.2)
    name = max(busy, key=busy.__getitem__)
    cluster.task_managers[name].kill()
    print(f"killed {name}, which was running {busy[name]} tasks", flush=True)
    return name


def tasks(cluster: FlinkCluster, state: str) -> dict[str, int]:
    """Returns task manager -> how many tasks of the job it has in a state, by the job manager's own account."""
    counts: Counter[str] = Counter()
    for job in cluster.get("/jobs/overview")["jobs"]:
        for vertex in cluster.get(f"/jobs/{job['jid']}")["vertices"]:
            subtasks = cluster.get(f"/jobs/{job['jid']}/vertices/{vertex['id']}")["subtasks"]
            counts.update(task["taskmanager-id"] for task in subtasks if task["status"] == state)
    return dict(sorted(counts.items()))


def counters(cluster: FlinkCluster, job: str) -> dict[str, int]:
    """Returns our counters as Flink's own page has them, `stage.name` -> sum, of a job under way or done."""
    counts: Counter[str] = Counter()
    for accumulator in cluster.get(f"/jobs/{job}/accumulators")["user-task-accumulators"]:
        for metric in json.loads(accumulator["value"])["metrics"]["attempted"]:
            if metric["urn"] == "beam:metric:user:sum_int64:v1":
                labels = metric["labels"]
                value = VarIntCoder().decode(base64.b64decode(metric["payload"]))
                counts[f"{labels['NAMESPACE']}.{labels['NAME']}"] += value
    return dict(counts)


def check_counters(cluster: FlinkCluster, job: str, folder: RunFolder) -> None:
    """Looks whether Flink's own page counts what the funnel does.

    Raises:
        ClusterError: it does not.
    """
    counted = counters(cluster, job)
    for stage in Funnel.from_json(folder.read_json(FUNNEL)).stages:
        for name, rows in {"in_rows": stage.in_rows, "out_rows": stage.out_rows}.items():
            if (found := counted.get(f"{stage.stage}.{name}", 0)) != rows:
                raise ClusterError(f"Flink counts {found} {name} of {stage.stage}, the funnel has {rows}")


def product(folder: RunFolder) -> dict[str, Any]:
    """Returns everything that must not differ: files' bytes, and each rejected row's fate."""
    names = [*(f"{SHARDS}/{name}" for name in folder.list(SHARDS)), "sizes.json", "recipe.yaml"]
    columns = ["source_row", "uid", "stage", "reason"]
    ledger = [pq.read_table(folder.open(REJECTS, name), columns=columns) for name in folder.list(REJECTS, ".parquet")]
    rows = pa.concat_tables(ledger).sort_by("source_row").to_pylist()
    funnel = folder.read_json(FUNNEL)
    del funnel["timings"]
    return {name: folder.open(*name.split("/")).read() for name in names} | {"ledger": rows, "funnel": funnel}
