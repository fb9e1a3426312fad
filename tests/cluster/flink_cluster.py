"""A real Flink on this machine: one job manager and several task managers, each a JVM that starts Python workers.

Flink is the one that the wheel apache-flink-libraries carries (the extra `flink`); everything listens on loopback only.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
SLOTS = 2  # a task manager
_START_S = 120.0
_STOP_S = 10.0

# What bin/jobmanager.sh would take from Flink's own conf/config.yaml: Java 17 hides what Flink reflects on.
_EXPORTS = ("java.base/sun.net.util", "java.rmi/sun.rmi.registry", "java.security.jgss/sun.security.krb5")
_OPENS = tuple(
    f"java.base/{name}"
    for name in (
        *("java.lang", "java.lang.reflect", "java.net", "java.io", "java.nio", "sun.nio.ch", "java.text", "java.time"),
        *("java.util", "java.util.concurrent", "java.util.concurrent.atomic", "java.util.concurrent.locks"),
    )
)
JAVA_OPENS = [f"--add-exports={name}=ALL-UNNAMED" for name in _EXPORTS] + [
    f"--add-opens={name}=ALL-UNNAMED" for name in _OPENS
]

_CONFIG = """jobmanager.rpc.address: 127.0.0.1
jobmanager.rpc.port: {rpc_port}
jobmanager.bind-host: 127.0.0.1
jobmanager.memory.process.size: 1g
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: {rest_port}
taskmanager.host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
taskmanager.numberOfTaskSlots: {slots}
taskmanager.memory.process.size: 2g
taskmanager.memory.network.min: 512m
taskmanager.memory.network.max: 512m
taskmanager.memory.managed.size: 256m
taskmanager.memory.task.off-heap.size: 256m
io.tmp.dirs: {scratch}
heartbeat.interval: 2000
heartbeat.timeout: 60000
pekko.ask.timeout: 60 s
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 50
restart-strategy.fixed-delay.delay: 1s
"""

_LOGGING = """rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss,SSS} %-5p %c{1} - %m%n
"""


class ClusterError(RuntimeError):
    """What keeps a cluster from running, with the remedy."""


@dataclass
class FlinkCluster:
    """A running cluster.

    Attributes:
        master: host:port of the job manager.
        logs: folder of all output.
        job_manager: its process.
        start: starts a task manager of a name.
        task_managers: Flink's name -> process.
    """

    master: str
    logs: Path
    job_manager: subprocess.Popen
    start: Callable[[str], subprocess.Popen]
    task_managers: dict[str, subprocess.Popen] = field(default_factory=dict)

    def start_task_manager(self, name: str) -> None:
        """Starts a task manager; one that was killed is replaced by a new one so."""
        self.task_managers[name] = self.start(name)

    def cpu_s(self) -> float:
        """Returns the seconds of CPU that its processes have taken, and those of theirs that have ended."""
        return sum(cpu_s(process.pid) for process in (self.job_manager, *self.task_managers.values()))

    def get(self, path: str, *, timeout_s: float = 30.0) -> Any:
        """Returns what the job manager's REST interface answers at a path."""
        with urllib.request.urlopen(f"http://{self.master}{path}", timeout=timeout_s) as answer:
            return json.load(answer)


@dataclass(frozen=True)
class WorkerPool:
    """A running pool.

    Attributes:
        address: host:port, the --environment_config of EXTERNAL environments.
        pid: process id of what forks.
        service: process id of its child that runners ask.
        log: file of all that workers print.
    """

    address: str
    pid: int
    service: int
    log: Path

    def workers(self) -> list[int]:
        """Returns the process ids of its workers, the newest first."""
        children = sorted(psutil.Process(self.pid).children(), key=lambda child: -child.create_time())
        return [child.pid for child in children if child.pid != self.service]

    def cpu_s(self) -> float:
        """Returns the seconds of CPU that it and its workers have taken, those that have ended among them."""
        return sum(map(cpu_s, (self.pid, self.service, *self.workers())))


def cpu_s(process: int) -> float:
    """Returns the seconds of CPU that a process has taken, and its children that have ended; 0 where it has ended."""
    try:
        times = psutil.Process(process).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system + times.children_user + times.children_system


def flink_home() -> Path:
    """Returns the folder that holds Flink's lib/.

    Raises:
        ClusterError: it is not installed.
    """
    try:
        return Path(str(metadata.distribution("apache-flink-libraries").locate_file("pyflink")))
    except metadata.PackageNotFoundError as error:
        raise ClusterError("no Flink here; install it: pip install '.[flink]'") from error


def check_java() -> None:
    """Raises: ClusterError: there is no Java 11 or newer to run Flink with."""
    if shutil.which("java") is None:
        raise ClusterError(
            "Flink needs Java 11 or 17 and `java` is not on the PATH; install one, such as openjdk-17-jre"
        )


@contextlib.contextmanager
def running_cluster(scratch: Path, *, task_managers: int) -> Iterator[FlinkCluster]:
    """Runs a cluster while the context lasts, and leaves no process behind.

    Args:
        scratch: folder for its configuration, temporary files and logs.

    Raises:
        ClusterError: it does not start.
    """
    check_java()
    configuration, logs, temporary = scratch / "conf", scratch / "logs", scratch / "tmp"
    for folder in (configuration, logs, temporary):
        folder.mkdir(parents=True, exist_ok=True)
    rpc_port, rest_port = _free_ports(2)
    settings = {"rpc_port": rpc_port, "rest_port": rest_port, "slots": SLOTS, "scratch": temporary}
    (configuration / "config.yaml").write_text(_CONFIG.format(**settings))
    (configuration / "log4j.properties").write_text(_LOGGING)
    with contextlib.ExitStack() as stack:
        entry = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
        job_manager = _start(stack, _java(entry, configuration, []), logs / "job_manager.log")
        jvm, dynamic = _memory(configuration)
        runner = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
        command = [*_java(runner, configuration, jvm), *dynamic]

        def start(name: str) -> subprocess.Popen:
            return _start(stack, [*command, "-D", f"taskmanager.resource-id={name}"], logs / f"{name}.log")

        cluster = FlinkCluster(f"127.0.0.1:{rest_port}", logs, job_manager, start)
        for number in range(task_managers):
            cluster.start_task_manager(f"task-manager-{number}")
        _wait_for_slots(cluster, SLOTS * task_managers)
        yield cluster


@contextlib.contextmanager
def running_worker_pool(scratch: Path) -> Iterator[WorkerPool]:
    """Runs a pool of Python workers while the context lasts, for all task managers of this machine.

    Its socket is where `babelsift-worker` looks for it, below TMPDIR: the caller has set a folder of its own.

    Args:
        scratch: folder for its log.

    Raises:
        ClusterError: it does not start.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    [port] = _free_ports(1)
    address, log = f"localhost:{port}", scratch / "pool.log"
    command = [sys.executable, "-m", "babelsift", "worker-pool", "--listen", address]
    with contextlib.ExitStack() as stack:
        process = _start(stack, command, log)
        deadline = time.monotonic() + _START_S
        while "workers at" not in log.read_text(errors="replace") or not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise ClusterError(f"no worker pool started: {log} says why")
            time.sleep(0.1)
        [service] = psutil.Process(process.pid).children()
        yield WorkerPool(address, process.pid, service.pid, log)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
        return True
    return False


def _java(entry: str, configuration: Path, jvm: list[str]) -> list[str]:
    classpath = f"{flink_home() / 'lib'}/*"
    logging = f"-Dlog4j.configurationFile={configuration / 'log4j.properties'}"
    return ["java", *jvm, *JAVA_OPENS, logging, "-cp", classpath, entry, "--configDir", str(configuration)]


def _memory(configuration: Path) -> tuple[list[str], list[str]]:
    """Returns (JVM options, Flink options) of a task manager, from Flink's own reckoning."""
    home = flink_home()
    [dist] = (home / "lib").glob("flink-dist-*.jar")
    classpath = os.pathsep.join(map(str, (home / "bin" / "bash-java-utils.jar", dist)))
    command = ["java", "-cp", classpath, "org.apache.flink.runtime.util.bash.BashJavaUtils", "GET_TM_RESOURCE_PARAMS"]
    where = ["--configDir", str(configuration), "--binDir", str(home / "bin"), "--libDir", str(home / "lib")]
    done = subprocess.run(command + where, capture_output=True, text=True, check=True)
    mark = "BASH_JAVA_UTILS_EXEC_RESULT:"
    jvm, dynamic = (line.removeprefix(mark).split() for line in done.stdout.splitlines() if line.startswith(mark))
    return jvm, dynamic


def _start(stack: contextlib.ExitStack, command: list[str], log: Path) -> subprocess.Popen:
    # Task managers start workers with what they have, so they have this Python and this checkout.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=log.open("ab"), stderr=subprocess.STDOUT, cwd=ROOT, env=environment)
    stack.callback(_stop, process)
    return process


def _stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_for_slots(cluster: FlinkCluster, slots: int) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):  # no answer yet, or a late one
            if cluster.get("/overview", timeout_s=5.0)["slots-total"] >= slots:
                return
        if any(process.poll() is not None for process in cluster.task_managers.values()):
            break
        time.sleep(0.5)
    raise ClusterError(f"Flink did not start; its logs in {cluster.logs} say why")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
