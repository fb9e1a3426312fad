"""Requests to a worker pool by its socket: each is for a worker, which lasts as long as the connection.

Imports next to nothing, as a runner waits for the process that asks.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from babelsift.pipelines.processes.channel import bound_receiving
from babelsift.pipelines.processes.messages import receive_message, send_message

_ASK, _ENDED = b"w", b"e"
_ANSWER_S = 10.0  # whoever connects says at once what is wanted


@dataclass(frozen=True)
class WorkerRequest:
    """A worker, as a runner asks for it.

    Attributes:
        worker_id: the runner's name for it.
        provision_endpoint: host:port where it learns the rest.
        environment: environment variables that take the place of the pool's; empty: the pool's own.
        folder: its working folder; None: the pool's.
    """

    worker_id: str
    provision_endpoint: str
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: str | None = None


def default_socket() -> Path:
    """Returns where the workers of this user and this Python find their pool; makes the folder.

    Raises:
        PermissionError: the folder is another user's.
    """
    folder = Path(tempfile.gettempdir(), f"babelsift-workers-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} can be written by others; remove it, or name another folder by TMPDIR")
    # What a fork cannot change any more: which Python, what it imports from, how many threads its libraries start.
    fixed = [os.path.realpath(sys.prefix), *(os.environ.get(name, "") for name in ("PYTHONPATH", "OMP_NUM_THREADS"))]
    return folder / f"{hashlib.sha256(os.pathsep.join(fixed).encode()).hexdigest()[:16]}.sock"


def ask_for_worker(pool: str, request: WorkerRequest) -> socket.socket:
    """Asks a pool for a worker that writes to this process's standard output and error.

    Args:
        pool: path of its socket.
        request: the worker.

    Returns:
        The connection: the worker ends when it is closed, and `worker_status` waits for the worker's end.
    Raises:
        OSError: no pool listens there.
    """
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(pool)
        socket.send_fds(connection, [b"."], [1, 2])
        send_message(connection, _ASK, request)
    except OSError:
        connection.close()
        raise
    return connection


def worker_status(connection: socket.socket) -> int | None:
    """Waits for a worker's end; returns its exit status, as of `waitpid`'s, or None where its pool has ended."""
    message = receive_message(connection)
    return None if message is None else message[1]


def receive_request(connection: socket.socket) -> tuple[WorkerRequest, list[int]] | None:
    """Returns a request and the file descriptors of standard output and error; None where there is none in time."""
    bound_receiving(connection, _ANSWER_S)
    fds: list[int] = []
    try:
        _, fds, _, _ = socket.recv_fds(connection, 1, 2)
        message = receive_message(connection)
    except OSError:
        message = None
    if message is None or len(fds) < 2:
        for fd in fds:
            os.close(fd)
        return None
    return message[1], fds


def tell_end(connection: socket.socket, status: int) -> None:
    """Tells whoever asked for a worker that it has ended; nothing where they are gone."""
    with contextlib.suppress(OSError):
        send_message(connection, _ENDED, status)
