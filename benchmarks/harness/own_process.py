"""A measurement in a process of its own, so that its peak memory is its own; that peak, and what others used."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_LOOK_S = 0.2
_SCHED_CLOCK = 2


def in_process(module: str, function: str, *arguments: object) -> Any:
    """Calls a function in a new process, arguments as `repr` spells them; returns the JSON that it prints last.

    Raises:
        RuntimeError: it failed; with the last line of what it said.
    """
    called = f"{function}({', '.join(map(repr, arguments))})"
    command = [sys.executable, "-c", f"from {module} import {function}; {called}"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise RuntimeError(f"{module}.{called} failed: {finished.stderr.strip().splitlines()[-1:]}")
    return json.loads(finished.stdout.strip().splitlines()[-1])


def peak_mib(process: int | str = "self") -> float:
    """Returns a process's peak memory in MiB; `ru_maxrss` would begin with that of the one that started it."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def command_line(process: int) -> str:
    """Returns what a process was started with; nothing of one that is gone."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return ""


def memory_mib(process: int) -> float:
    """Returns the memory that a process and all that it has started take now, what they share divided among them."""
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
        children = Path(f"/proc/{process}/task").glob("*/children")
        started = [int(child) for file in children for child in file.read_text().split()]
    except OSError:  # it is gone
        return 0.0
    return int(rollup.split("\nPss:")[1].split()[0]) / 1024 + sum(map(memory_mib, started))


def peak_during(work: Callable[[], object]) -> float:
    """Does some work; returns the peak memory, in MiB, of this process and of all that it started for it meanwhile."""
    is_over, peak = threading.Event(), 0.0

    def look() -> None:
        nonlocal peak
        while not is_over.wait(_LOOK_S):
            peak = max(peak, memory_mib(os.getpid()))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        work()
    finally:
        is_over.set()
        looking.join()
    return peak


def started_here() -> list[int]:
    """Returns the processes that this one has started and that are still there."""
    return [int(file.parent.name) for file in Path("/proc").glob("[0-9]*/stat") if _fields(file)[1] == str(os.getpid())]


def cpu_seconds(process: int) -> float:
    """Returns the CPU time that a process has used, finer than the hundredths of a second of its `stat`."""
    return time.clock_gettime(~process << 3 | _SCHED_CLOCK)  # what C's clock_getcpuclockid returns on Linux


def _fields(stat: Path) -> list[str]:
    """What the system says of a process, from its state on; nothing of one that is gone."""
    try:
        return stat.read_text().rpartition(") ")[2].split()
    except OSError:
        return [""] * 13


def medians(measured: Sequence[dict[str, float]]) -> dict[str, float]:
    """Returns the median of each figure over runs."""
    return {name: statistics.median(run[name] for run in measured) for name in measured[0]}
