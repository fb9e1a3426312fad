"""Beam's own worker process, which ends with the process that started it: what `multi_processing` runs.

    python -m babelsift.pipelines.processes.beam_worker PID

Beam's runner tells it by the environment what to do, and waits for it in the thread that started it.
"""

from __future__ import annotations

import shlex
import sys

from babelsift.pipelines.processes.child import end_with_parent


def beam_worker_command(parent: int) -> str:
    """Returns the shell's command that starts a worker of this Python.

    Args:
        parent: process id of its runner.
    """
    # Without `exec` its parent would be a shell, which outlives the runner.
    return f"exec {shlex.quote(sys.executable)} -m {__name__} {parent}"


def main(parent: int) -> None:
    """Runs the worker until its runner has no more work, or is gone."""
    end_with_parent(parent)
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)


if __name__ == "__main__":
    main(int(sys.argv[1]))
