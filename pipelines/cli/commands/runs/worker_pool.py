"""`babelsift worker-pool`: Python workers for a cluster's task managers, forked from one that has imported all."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_worker_pool(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    pool = commands.add_parser(
        "worker-pool",
        help="serve Python workers to a cluster's task managers, each forked in milliseconds",
        description="Imports all that a stage may want, then forks a worker whenever a runner asks for one: "
        "--environment_type EXTERNAL --environment_config HOST:PORT. One pool a machine serves all its task managers. "
        "Whoever reaches the address can run code here, so let it be this machine's own or a pod's. "
        "Stop it by SIGTERM or Ctrl-C; start it anew after an upgrade.",
    )
    pool.add_argument("--listen", metavar="HOST:PORT", help="where runners ask for workers, such as localhost:50000")
    pool.add_argument(
        "--socket",
        type=Path,
        metavar="PATH",
        help="where babelsift-worker asks (default: this user's)",
    )
    pool.add_argument("--idle-s", type=float, metavar="S", help="end after so many seconds without a worker")
    pool.set_defaults(run=_worker_pool)


def _worker_pool(known: argparse.Namespace, _: list[str]) -> int:
    from babelsift.pipelines.workers.requests import default_socket
    from babelsift.pipelines.workers.service import run_pool

    run_pool(known.socket or default_socket(), known.listen, known.idle_s)
    return 0
