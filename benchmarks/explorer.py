"""How long `babelsift explore` takes to the first row, and its server for filters, searches and sliders.

The folder is drawn, as a run of so many pairs leaves it but for images' bytes; its files are warm. Opening is from the
command to the first row; a filter is a page of rows and all counts of facets and histograms; a slider is a trial with
the pairs at the edge. Times of questions are the 95th of 100, as the asking process sees them.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import psutil

from babelsift.pipelines.run_folder.folder import RunFolder
from benchmarks.harness.outcome import Figure, Outcome
from benchmarks.workloads.drawn_run import MODEL, write_drawn_run

ROWS, QUESTIONS = (100_000, 1_000_000), 100
_SHARE = 95
GOALS = {
    ("open", 100_000): "<= 3",
    ("open", 1_000_000): "<= 10",
    ("filter_p95", 1_000_000): "<= 300",
    ("slider_p95", 1_000_000): "<= 200",
    ("peak", 1_000_000): "< 1.86",
}


def run() -> Outcome:
    """Measures both sizes, one after the other."""
    figures: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory(prefix="babelsift-bench-") as home:
        for rows in ROWS:
            folder = f"{home}/{rows}"
            write_drawn_run(RunFolder(folder), rows)
            for name, (unit, value) in measure(folder).items():
                figures[f"{name}_{rows // 1000}k"] = Figure(unit, value, goal=GOALS.get((name, rows)))
    what = "the explorer on drawn runs: from the command to the first row, and 95 of 100 questions within"
    return Outcome("explorer", what, figures)


def measure(folder: str) -> dict[str, tuple[str, float]]:
    """Returns {figure: (unit, value)} of a run folder."""
    labels = f"{folder}-labels.csv"
    command = [sys.executable, "-m", "babelsift", "explore", folder, "--labels", labels]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            base = f"{process.stdout.readline().strip()}api/0/"
            _ask(base, "rows", limit=100)
            opened = time.perf_counter() - started
            server = psutil.Process(process.pid)
            open_cpu = sum(server.cpu_times()[:2])
            _ask(base, "summaries")
            counted = time.perf_counter() - started
            filters, filter_cpu = _asked(server, [partial(_filter, base, query) for query in _queries()])
            sliders, slider_cpu = _asked(server, [partial(_ask, base, "trial", **moved) for moved in _moved()])
            memory = server.memory_info().rss / 2**30
            peak = _peak_gib(process.pid) or memory
        finally:
            process.kill()
    return {
        "open": ("s", opened),
        "open_cpu": ("s", open_cpu),
        "first_counts": ("s", counted),
        "filter_p95": ("ms", filters),
        "filter_cpu": ("ms", filter_cpu),
        "slider_p95": ("ms", sliders),
        "slider_cpu": ("ms", slider_cpu),
        "memory": ("GiB", memory),
        "peak": ("GiB", peak),
    }


_AT = "select.min_similarity"


def _queries() -> Iterator[dict[str, Any]]:
    """Yields questions that nobody asked before: ranges, words, texts, several together, sorted."""
    words = ("dogs", "Haus", "vieille", "собаками", "两只", "庭")
    draw = np.random.default_rng(0)
    languages = itertools.cycle(("en", "de", "fr", "ru", "zh", "ja"))
    for number in range(QUESTIONS):
        low = round(float(draw.uniform(0.1, 0.3)), 4)
        query: dict[str, Any] = {"where": {f"similarity_{MODEL}": [low, round(low + 0.1, 4)]}}
        if number % 2:
            query["where"]["language"] = [next(languages)]
        if number % 5 == 0:
            query["text"] = f"{words[number // 5 % len(words)]} {number}"
        if number % 7 == 0:
            query |= {"sort": "original_bytes", "descending": True}
        yield query


def _moved() -> Iterator[dict[str, Any]]:
    for value in np.linspace(0.15, 0.4, QUESTIONS).tolist():
        yield {"changes": {_AT: {"en": round(value, 4), "de": round(0.5 - value, 4), "default": 0.25}}, "at": _AT}


def _asked(server: psutil.Process, questions: Sequence[Callable[[], object]]) -> tuple[float, float]:
    """Returns (ms within which 95 of 100 questions are answered, ms of the server's CPU time a question)."""
    questions[0]()  # makes the columns that are first asked for
    before, seconds = sum(server.cpu_times()[:2]), []
    for question in questions:
        started = time.perf_counter()
        question()
        seconds.append(time.perf_counter() - started)
    spent = sum(server.cpu_times()[:2]) - before
    return 1e3 * float(np.percentile(seconds, _SHARE)), 1e3 * spent / len(questions)


def _filter(base: str, query: dict[str, Any]) -> None:
    """Asks for what the page does."""
    _ask(base, "rows", q=query, limit=120)
    _ask(base, "summaries", q=query)


def _ask(base: str, path: str, **parameters: Any) -> Any:
    said = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
    with urllib.request.urlopen(f"{base}{path}?{urllib.parse.urlencode(said)}") as answer:
        return json.load(answer)


def _peak_gib(process: int) -> float | None:
    """The most memory that a process has had; None where the system does not say."""
    try:
        with open(f"/proc/{process}/status", encoding="ascii") as file:
            kib = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return None
    return kib / 2**20
