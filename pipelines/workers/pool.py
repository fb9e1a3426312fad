"""Forks a worker for each connection, from a process that has imported what workers need.

A fork has its parent's memory and none of its threads, so the parent has no thread of Python's and no channel of
gRPC's. Those of native libraries (BLAS, Arrow's allocator) are stopped and started around a fork by the libraries.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import time
import warnings
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from babelsift.pipelines.processes import end_with_parent
from babelsift.pipelines.workers.requests import WorkerRequest, receive_request, tell_end
from babelsift.schemas.errors import RunnerError

_GRACE_S = 5.0  # between being asked to end and being killed
_LOOK_S = 1.0
_BACKLOG = 128


@dataclass
class _Worker:
    worker_id: str
    connection: socket.socket
    kill_at: float | None = None  # when it has been asked to end


@dataclass
class WorkerPool:
    """A pool that listens on a socket of this machine.

    Args:
        path: of the socket; its folder is this user's alone.
        idle_s: ends after so many seconds without a worker; None: never.
    """

    path: Path
    idle_s: float | None = None
    _workers: dict[int, _Worker] = field(default_factory=dict)
    _is_ending: bool = False

    def __post_init__(self) -> None:
        self.path.unlink(missing_ok=True)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.path))
        self.path.chmod(0o600)
        self._listening.listen(_BACKLOG)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ, self._accept)

    def serve(self, service: int | None = None) -> WorkerRequest | None:
        """Forks workers until the pool is told to end by SIGTERM or SIGINT, or has been idle for long enough.

        Args:
            service: process id of the child that serves runners.

        Returns:
            In each worker, its request: the caller does what a worker does. In the pool None, once all have ended.
        Raises:
            RunnerError: the service has ended.
        """
        with _signals_wake(self._selector, self._end):
            busy_at = time.monotonic()
            while not self._is_ending:
                for key, _ in self._selector.select(_LOOK_S):
                    if (request := key.data()) is not None:
                        return request
                self._reap()
                if service is not None and os.waitpid(service, os.WNOHANG)[0]:
                    raise RunnerError("worker-pool: the service that runners ask for workers has ended; start it anew")
                busy_at = time.monotonic() if self._workers else busy_at
                self._is_ending |= self.idle_s is not None and time.monotonic() - busy_at > self.idle_s
            self.path.unlink(missing_ok=True)
            self._selector.unregister(self._listening)
            self._listening.close()
            self._end_workers()
        return None

    def close(self) -> None:
        """Closes what a fork has of the pool: its sockets."""
        for opened in (self._listening, *(worker.connection for worker in self._workers.values())):
            opened.close()
        self._selector.close()
        self._workers.clear()

    def _end(self, *_: object) -> None:
        self._is_ending = True

    def _accept(self) -> WorkerRequest | None:
        """Forks a worker where it is asked for; returns the request in that worker alone."""
        connection, _ = self._listening.accept()
        if (received := receive_request(connection)) is None:
            connection.close()
            return None
        request, fds = received
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on the threads of native libraries
            process = os.fork()
        if process == 0:
            self._become_worker(parent, connection, request, fds)
            return request
        for fd in fds:
            os.close(fd)
        self._workers[process] = _Worker(request.worker_id, connection)
        self._selector.register(connection, selectors.EVENT_READ, partial(self._ask_to_end, process))
        return None

    def _become_worker(self, parent: int, connection: socket.socket, request: WorkerRequest, fds: list[int]) -> None:
        end_with_parent(parent)
        os.setsid()  # Ctrl-C is for the pool, which ends its workers
        connection.close()
        self.close()
        for number, fd in enumerate(fds, start=1):
            os.dup2(fd, number)
            os.close(fd)
        if request.environment:
            os.environ.clear()
            os.environ.update(request.environment)
        if request.folder is not None:
            os.chdir(request.folder)

    def _ask_to_end(self, process: int) -> None:
        """Asks a worker to end: its connection was closed, or somebody sent more by it, which nobody should."""
        worker = self._workers[process]
        self._selector.unregister(worker.connection)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)
        worker.kill_at = time.monotonic() + _GRACE_S

    def _reap(self) -> None:
        for process, worker in list(self._workers.items()):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                if worker.kill_at is None:
                    self._selector.unregister(worker.connection)
                tell_end(worker.connection, status)
                worker.connection.close()
                del self._workers[process]
            elif worker.kill_at is not None and time.monotonic() > worker.kill_at:
                os.kill(process, signal.SIGKILL)

    def _end_workers(self) -> None:
        for process, worker in self._workers.items():
            if worker.kill_at is None:
                self._ask_to_end(process)
        while self._workers:
            for key, _ in self._selector.select(_LOOK_S):
                key.data()
            self._reap()


@contextlib.contextmanager
def _signals_wake(selector: selectors.BaseSelector, end: Any) -> Any:
    """Has a selector return at SIGTERM, SIGINT and the end of a child, and the first two call a function."""
    reading, writing = socket.socketpair()
    reading.setblocking(False)
    writing.setblocking(False)
    handlers = {signal.SIGTERM: end, signal.SIGINT: end, signal.SIGCHLD: _do_nothing}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    previous = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    selector.register(reading, selectors.EVENT_READ, partial(_drain, reading))
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous)
        for number, handler in before.items():
            signal.signal(number, handler)
        reading.close()
        writing.close()


def _do_nothing(*_: object) -> None:
    """Handles a signal that is only to wake the selector, which the default does not."""


def _drain(reading: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        while reading.recv(4096):
            pass
