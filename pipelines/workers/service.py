"""A worker pool as a process of its own: what `babelsift worker-pool` runs."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from babelsift.pipelines.processes import end_with_parent
from babelsift.schemas.addresses import host_and_port
from babelsift.schemas.errors import RunnerError, one_line

if TYPE_CHECKING:
    from babelsift.pipelines.workers.pool import WorkerPool


def run_pool(path: Path, address: str | None, idle_s: float | None) -> None:
    """Runs a pool until it is told to end; in each of its workers, the worker until that ends.

    Args:
        path: of the socket to listen on.
        address: host:port to serve runners on (EXTERNAL environments); None: nowhere.
        idle_s: ends after so many seconds without a worker; None: never.

    Raises:
        RunnerError: the address or the socket is not to be had, or the service on the address has ended.
    """
    if idle_s is not None and not idle_s >= 0:  # nor a number that is none
        raise RunnerError(f"--idle-s {idle_s:g}: is no time in seconds; leave it out for a pool that does not end")
    _check_socket(path)
    if address is not None:
        _check_address(address)
    from babelsift.pipelines.workers.pool import WorkerPool
    from babelsift.pipelines.workers.preload import preload

    started = time.monotonic()
    preload()
    pool = WorkerPool(path, idle_s)
    service = None if address is None else _start_service(pool, address)
    where = str(path) if address is None else address
    print(
        f"worker-pool: workers at {where}, imported in {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True
    )
    request = pool.serve(service)
    if request is not None:
        from babelsift.pipelines.workers.worker import run_worker

        run_worker(request)


def _check_socket(path: Path) -> None:
    """Looks whether a pool may listen at a path: nothing is there, or what a pool left that was killed."""
    try:
        if path.exists() and not path.is_socket():
            raise FileExistsError("is there already, and no socket")
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
                raise FileExistsError("a worker pool listens there already")
            except (FileNotFoundError, ConnectionRefusedError):
                pass
        if not os.access(path.parent, os.W_OK):
            raise FileNotFoundError(f"no folder {path.parent} that can be written")
    except OSError as error:
        reason = one_line(error)
        raise RunnerError(f"--socket {path}: {reason}; name another, or leave it out for this user's own") from error


def _check_address(address: str) -> None:
    try:
        host, port = host_and_port(address)
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except (OSError, ValueError) as error:
        raise RunnerError(f"--listen {address}: {one_line(error)}; name a free HOST:PORT of this machine") from error


def _start_service(pool: WorkerPool, address: str) -> int:
    """Forks the process that serves runners, with threads and channels; returns its process id."""
    parent, path = os.getpid(), pool.path
    if process := os.fork():
        return process
    end_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the pool
    pool.close()
    from babelsift.pipelines.workers.external import serve_external

    serve_external(str(path), address)
    os._exit(1)
