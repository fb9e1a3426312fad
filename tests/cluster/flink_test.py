"""Curates on a real Flink whose input, staging and output are on an S3 server, and breaks what can break on the way.

    make flink-test                        the same, with what it needs installed first
    python tests/cluster/flink_test.py --pairs 100

One run meets all of these, and has to leave the bytes that a run in process leaves: a task manager killed in the
download, a Python worker killed, the store refusing every request for 20 s, a task manager killed in scoring. In a
second one the driver is killed while the cluster goes on: a later run takes the folder over, and the workers of the
earlier commit nothing more.

Needs Java 11 or 17, Maven for the job server (or its jar by --job-server-jar), and versitygw, which `make flink-test`
builds where Go is installed. Exits 0 where all is as it should be, and leaves no process behind.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from compared_runs import (
    check_counters,
    curate,
    flink_options,
    is_staged,
    kill_busy_task_manager,
    product,
    small_recipe,
    start_curate,
)
from flink_cluster import (
    ROOT,
    ClusterError,
    FlinkCluster,
    WorkerPool,
    check_java,
    flink_home,
    running_cluster,
    running_worker_pool,
)
from job_server import build_job_server, check_maven

sys.path.insert(0, str(ROOT))  # for tests.support

from babelsift.pipelines.demo.server import serving
from babelsift.pipelines.demo.web import build_web, write_table
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.storage.errors import PATIENCE_VARIABLE
from tests.support.faulty_proxy import Fault, FaultyProxy
from tests.support.process_tree import children_of
from tests.support.s3_server import running_s3_server, s3_environment, versitygw

TASK_MANAGERS = 2
REFUSES_S = 20.0
_LOOK_S = 0.2
_WAIT_S = 1800.0
_BUCKET = "bucket"


@dataclass(frozen=True)
class Setting:
    """Where the runs of the test read and write.

    Attributes:
        home: folder of logs and of the recipe.
        recipe: its file.
        bucket: the bucket's folder on this machine, in which objects lie as files.
        proxy: through which every client reaches the store.
        cluster: the Flink.
        options: Beam's, of a run on the cluster.
        pool: forks the cluster's Python workers.
    """

    home: Path
    recipe: Path
    bucket: Path
    proxy: FaultyProxy
    cluster: FlinkCluster
    pool: WorkerPool
    options: list[str]

    @property
    def pairs(self) -> str:
        """The table's URL."""
        return f"s3://{_BUCKET}/pairs.parquet"

    def folder(self, name: str) -> str:
        """Returns a run folder's URL."""
        return f"s3://{_BUCKET}/{name}"


def main() -> int:
    """Runs the test; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=200, help="of the demo's web (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "out" / "flink-test", help="logs; removed first")
    parser.add_argument("--job-server-jar", type=Path, help="Beam's Flink job server; without it Maven makes one")
    settings = parser.parse_args()
    if settings.pairs < 100:
        parser.error("--pairs takes at least 100: fewer are downloaded before anything can break")
    with tempfile.TemporaryDirectory(prefix="flink-") as temporary:
        os.environ["TMPDIR"] = tempfile.tempdir = temporary  # where the pool has its socket
        return _run(settings)


def _run(settings: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that all is stopped then, too
    try:
        check_java()
        flink_home()
        check_maven(settings.job_server_jar)
        _check_s3_server()
        jar = settings.job_server_jar or build_job_server(settings.output.parent / "flink-job-server")
        shutil.rmtree(settings.output, ignore_errors=True)
        with running_setting(settings.output.resolve(), settings.pairs, jar.resolve()) as setting:
            curate(setting.recipe, setting.pairs, setting.folder("local"), setting.home / "local.log")
            check_troubled_run(setting)
            check_killed_driver(setting)
    except ClusterError as error:
        print(f"flink-test: {error}", file=sys.stderr)
        return 1
    print("flink-test: all as it should be")
    return 0


def _check_s3_server() -> None:
    try:
        versitygw()
    except pytest.skip.Exception as error:
        raise ClusterError(str(error)) from error


@contextlib.contextmanager
def running_setting(home: Path, pairs: int, jar: Path) -> Iterator[Setting]:
    """Runs the web, the store, the cluster and its pool of workers while the context lasts."""
    home.mkdir(parents=True)
    recipe, web = home / "recipe.yaml", build_web(0, pairs)
    recipe.write_text(small_recipe())
    with contextlib.ExitStack() as stack:
        base_url = stack.enter_context(serving(web))
        server = stack.enter_context(running_s3_server())
        proxy = stack.enter_context(FaultyProxy(server.port))
        os.environ.update(s3_environment(proxy.endpoint))
        del os.environ[PATIENCE_VARIABLE]  # patience as users have it
        bucket = server.make_bucket(_BUCKET)
        write_table(web, bucket / "pairs.parquet", base_url)
        pool = stack.enter_context(running_worker_pool(home / "cluster"))
        cluster = stack.enter_context(running_cluster(home / "cluster", task_managers=TASK_MANAGERS))
        options = flink_options(cluster, pool, jar, parallelism=2)
        yield Setting(home, recipe, bucket, proxy, cluster, pool, options)


def check_troubled_run(setting: Setting) -> None:
    """Curates on the cluster while all breaks in turn, and compares.

    Raises:
        ClusterError: the run fails, its product differs, or something did not break.
    """
    troubles = threading.Thread(target=_trouble, args=[setting], daemon=True)
    troubles.start()
    curate(setting.recipe, setting.pairs, setting.folder("flink"), setting.home / "flink.log", setting.options)
    if troubles.is_alive():
        raise ClusterError("the run had ended before all was broken; take more --pairs")
    _compare(setting, "flink")
    [job] = _jobs(setting.cluster)
    check_counters(setting.cluster, job, RunFolder(setting.folder("flink")))
    print("flink-test: Flink's own page has the counters of each stage")


def _trouble(setting: Setting) -> None:
    cluster, folder = setting.cluster, setting.bucket / "flink"
    _wait_until(lambda: is_staged(folder))
    cluster.start_task_manager(kill_busy_task_manager(cluster))
    _wait_until(lambda: is_staged(folder, 2))
    os.kill(_wait_until(setting.pool.workers)[0], signal.SIGKILL)
    print("flink-test: killed a Python worker", flush=True)
    with setting.proxy.injecting(Fault.UNAVAILABLE) as refused:
        time.sleep(REFUSES_S)
    print(f"flink-test: the store refused {len(refused.met)} requests in {REFUSES_S:.0f} s", flush=True)
    _wait_until(lambda: any((folder / "staging" / "scores").rglob("*.parquet")))
    cluster.start_task_manager(kill_busy_task_manager(cluster))


def check_killed_driver(setting: Setting) -> None:
    """Kills a driver whose workers live on, has a later run take its folder over, and looks at the earlier one's end.

    Raises:
        ClusterError: the product differs, or the earlier run was not stopped by its epoch.
    """
    before = set(_jobs(setting.cluster))
    log, name = setting.home / "killed.log", "fenced"
    driver = start_curate(setting.recipe, setting.pairs, setting.folder(name), log, setting.options)
    with contextlib.ExitStack() as stack:
        stack.callback(driver.kill)
        _wait_until(lambda: is_staged(setting.bucket / name) or driver.poll() is not None)
        for process in children_of(driver.pid):  # Beam's job server, which outlives its driver
            stack.callback(_kill, process)
        driver.kill()
        driver.wait()
        _check_taken_over(setting, name, before, log)


def _check_taken_over(setting: Setting, name: str, before: set[str], log: Path) -> None:
    [job] = set(_jobs(setting.cluster)) - before
    if _jobs(setting.cluster)[job] != "RUNNING":
        raise ClusterError(f"the job of the driver that was to be killed had ended; see {log}")
    print("flink-test: killed a driver whose job goes on", flush=True)
    curate(setting.recipe, setting.pairs, setting.folder(name), setting.home / "later.log")
    _compare(setting, name)
    _wait_until(lambda: _jobs(setting.cluster)[job] not in ("RUNNING", "RESTARTING"))
    if "a later run (epoch 2) works in this folder" not in (reason := _why_failed(setting.cluster, job)):
        raise ClusterError(f"the job whose driver was killed ended otherwise than by its epoch: {reason[:1000]}")
    _compare(setting, name)
    print("flink-test: its workers committed nothing once the later run had begun", flush=True)


def _compare(setting: Setting, name: str) -> None:
    local, other = product(RunFolder(setting.folder("local"))), product(RunFolder(setting.folder(name)))
    if differing := [file for file in sorted({*local, *other}) if local.get(file) != other.get(file)]:
        raise ClusterError(f"{name} DIFFERS from the run in process in {', '.join(differing)}")
    print(f"flink-test: {name} is the same: {len(local) - 2} files byte for byte, {len(local['ledger'])} fates")


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _jobs(cluster: FlinkCluster) -> dict[str, str]:
    """Returns the state of each job."""
    return {job["jid"]: job["state"] for job in cluster.get("/jobs/overview")["jobs"]}


def _why_failed(cluster: FlinkCluster, job: str) -> str:
    return json.dumps(cluster.get(f"/jobs/{job}/exceptions"))


def _wait_until(condition: Callable[[], object]) -> object:
    deadline = time.monotonic() + _WAIT_S
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise ClusterError(f"waited {_WAIT_S:.0f} s in vain")
        time.sleep(_LOOK_S)
    return value


if __name__ == "__main__":
    sys.exit(main())
