"""`babelsift-worker`: the command of --environment_type PROCESS, which has a worker forked by this machine's pool.

The runner starts it for each worker, and it lasts as long as the worker does. It imports next to nothing. Where no pool
is running it starts one, which ends once it has been idle for a while.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from babelsift.pipelines.workers.requests import WorkerRequest, ask_for_worker, default_socket, worker_status

_START_S = 180.0
_LOOK_S = 0.05
_IDLE_S = 120


def run_worker_command() -> None:
    """Has a worker started, waits for its end, and ends with its exit status."""
    parser = argparse.ArgumentParser(prog="babelsift-worker", description=__doc__)
    parser.add_argument("--id", required=True, help="the runner's name for the worker")
    parser.add_argument("--provision_endpoint", required=True, metavar="HOST:PORT", help="where it learns the rest")
    known, _ = parser.parse_known_args()
    request = WorkerRequest(known.id, known.provision_endpoint, dict(os.environ), os.getcwd())
    with _asked(default_socket(), request) as connection:
        status = worker_status(connection)
    sys.exit("babelsift-worker: its pool has ended" if status is None else os.waitstatus_to_exitcode(status) & 0xFF)


def _asked(path: Path, request: WorkerRequest) -> socket.socket:
    try:
        return ask_for_worker(str(path), request)
    except OSError:
        pass
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one of those that find no pool starts one
        try:
            return ask_for_worker(str(path), request)
        except OSError:
            return _asked_of_a_new_pool(path, request)


def _asked_of_a_new_pool(path: Path, request: WorkerRequest) -> socket.socket:
    log = path.with_suffix(".log")
    command = [sys.executable, "-m", "babelsift", "worker-pool", "--socket", str(path), "--idle-s", str(_IDLE_S)]
    with log.open("wb") as output:
        pool = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and pool.poll() is None:
        try:
            return ask_for_worker(str(path), request)
        except OSError:
            time.sleep(_LOOK_S)
    sys.exit(f"babelsift-worker: no worker pool started; {log} says why")
