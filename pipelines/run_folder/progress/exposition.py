"""What a run has counted in Prometheus' text format, for node_exporter's textfile collector.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from babelsift.pipelines.run_folder.progress.view import merged_stages, summed_counts

_STATES = ("running", "done", "failed")
_ROWS = {"in_rows": "in", "out_rows": "out", "done_rows": "done"}
Sample = tuple[Mapping[str, str], float]


def exposition(processes: Sequence[Mapping[str, Any]], state: str) -> str:
    """Returns the counts as text, a metric after the other.

    Args:
        processes: what each process of the run has counted, the driver's first; at least one.
        state: `running`, `done` or `failed`.
    """
    driver = processes[0]
    stages = merged_stages(processes)
    downloads = summed_counts(process.get("downloads", {}) for process in processes)
    at = max(process.get("at", 0.0) for process in processes)
    planned = driver.get("plan", {}).get("rows")
    metrics = [
        _metric("run_state", "gauge", "1 for the state that the run is in",
                [({"state": known}, float(known == state)) for known in _STATES]),
        _metric("run_start_time_seconds", "gauge", "Unix time of the run's begin", [({}, driver.get("began", 0.0))]),
        _metric("last_update_time_seconds", "gauge", "Unix time of these figures", [({}, at)]),
        _metric("planned_rows", "gauge", "rows that the input is expected to have", [({}, planned)] if planned else []),
        _metric("stage_rows_total", "counter", "rows that came to a stage, that it has done, and that it kept",
                [({"stage": name, "way": way}, counts[count])
                 for name, (_, _, counts) in stages.items() for count, way in _ROWS.items()]),
        _metric("stage_seconds", "gauge", "from a stage's first count to its latest",
                [({"stage": name}, latest - began) for name, (began, latest, _) in stages.items()]),
        _metric("downloads_total", "counter", "URLs by what became of them",
                [({"outcome": outcome}, count) for outcome, count in sorted(downloads.items())]),
        _metric("download_bytes_total", "counter", "bytes of bodies that came in",
                [({}, sum(process.get("download_bytes", 0) for process in processes))]),
        _metric("memory_bytes", "gauge", "memory of the run's processes",
                [({}, sum(process.get("memory_bytes", 0) for process in processes))]),
    ]  # fmt: skip
    return "".join(metrics)


def _metric(name: str, kind: str, about: str, samples: Iterable[Sample]) -> str:
    lines = [f"babelsift_{name}{_labels(labels)} {value:.15g}" for labels, value in samples]
    if not lines:
        return ""
    return "\n".join([f"# HELP babelsift_{name} {about}", f"# TYPE babelsift_{name} {kind}", *lines, ""])


def _labels(labels: Mapping[str, str]) -> str:
    """Returns labels as the format has them.

    >>> _labels({"stage": 'a "b"'})
    '{stage="a \\\\"b\\\\""}'
    """
    escaped = {
        name: value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for name, value in labels.items()
    }
    inner = ",".join(f'{name}="{value}"' for name, value in escaped.items())
    return f"{{{inner}}}" if inner else ""
