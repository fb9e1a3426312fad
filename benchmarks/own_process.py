"""A measurement in a process of its own, so that its peak memory is its own; and that peak."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def in_process(module: str, function: str, *arguments: object) -> Any:
    """Calls a function in a new process, arguments as `repr` spells them; returns the JSON that it prints last.

    Raises: RuntimeError: it failed; with the last line of what it said.
    """
    called = f"{function}({', '.join(map(repr, arguments))})"
    command = [sys.executable, "-c", f"from {module} import {function}; {called}"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise RuntimeError(f"{module}.{called} failed: {finished.stderr.strip().splitlines()[-1:]}")
    return json.loads(finished.stdout.strip().splitlines()[-1])


def peak_mib() -> float:
    """Returns the peak memory of this process in MiB; `ru_maxrss` would begin with that of the one that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def medians(measured: Sequence[dict[str, float]]) -> dict[str, float]:
    """Returns the median of each figure over runs."""
    return {name: statistics.median(run[name] for run in measured) for name in measured[0]}
