"""How far a run is, from what its processes have counted: the stage it is at, rates, downloads, memory."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from babelsift.schemas import STAGE_ORDER

_ACTIVE_S = 15.0  # a stage that nothing came to for so long, while others worked, is over
_RATE_S = 30.0  # rates are of so many of the latest seconds
_MEASURED_S = 0.1  # what took less has no rate
_SUCCESS = "success"
_SHOWN_FAILURES = 3


@dataclass(frozen=True)
class ProgressView:
    """How far a run is.

    Attributes:
        stage: that it is at; None: none has begun.
        number: of the stage, from 1 on, among `stages`.
        rows: that the stage has done, of `of_rows` that are expected at it; None: not known.
        rows_per_s: of the latest half minute.
        left_s: seconds until the stage has done all; None: not known.
        downloads: URLs by what became of them; of this run.
        failed_host: the host that failed most, with how often.
        bytes_per_s: of bodies that come in, of the latest half minute.
        seconds: since the run began.
        state: `running`, `done` or `failed`.
    """

    stage: str | None
    number: int
    stages: int
    rows: int
    of_rows: int | None
    rows_per_s: float
    left_s: float | None
    downloads: Mapping[str, int] = field(default_factory=dict)
    failed_host: tuple[str, int] | None = None
    bytes_per_s: float = 0.0
    memory_bytes: int = 0
    seconds: float = 0.0
    state: str = "running"

    @property
    def share(self) -> float | None:
        """0 to 1, of the stage's rows; None: not known."""
        return self.rows / self.of_rows if self.of_rows else None

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return asdict(self) | {"share": self.share}

    def __str__(self) -> str:
        texts = (self.stage_text(), self.download_text(), self.memory_text(), self.elapsed_text())
        return "; ".join(filter(None, texts))

    def stage_text(self) -> str:
        """Returns the stage, its rows, share, rate and time left."""
        if self.stage is None:
            return "preparing"
        rows = f"{self.rows:,}" + ("" if self.of_rows is None else f" of {self.of_rows:,}") + " rows"
        share = "" if self.share is None else f" ({self.share:.0%})"
        left = "" if not self.left_s else f", {duration_text(self.left_s)} left"
        return f"{self.stage}, stage {self.number} of {self.stages}: {rows}{share}, {self.rows_per_s:,.0f}/s{left}"

    def download_text(self) -> str:
        """Returns what became of URLs; empty where none was asked for."""
        total = sum(self.downloads.values())
        if not total:
            return ""
        images = self.downloads.get(_SUCCESS, 0)
        failures = Counter({reason: count for reason, count in self.downloads.items() if reason != _SUCCESS})
        shown = "".join(f", {reason} {count:,}" for reason, count in failures.most_common(_SHOWN_FAILURES))
        host = "" if self.failed_host is None else f"; most fail at {self.failed_host[0]} ({self.failed_host[1]:,})"
        speed = f"{self.bytes_per_s / 1e6:.1f} MB/s"
        return f"downloads: {images:,} of {total:,} succeed ({images / total:.0%}){shown}{host}; {speed}"

    def elapsed_text(self) -> str:
        """Returns how long the run has taken."""
        return f"{duration_text(self.seconds)} so far"

    def memory_text(self) -> str:
        """Returns the memory of the run's processes; empty where it is not known."""
        return f"{self.memory_bytes / 1e9:.1f} GB of memory" if self.memory_bytes else ""


class ProgressWatch:
    """Makes views of what processes have counted, one after the other, and rates of what changes between them."""

    def __init__(self) -> None:
        self._history: deque[tuple[float, dict[str, int], int]] = deque()

    def view(self, processes: Sequence[Mapping[str, Any]]) -> ProgressView:
        """Returns how far the run is.

        Args:
            processes: what `Tally.to_json` gives of each, the driver's first, with `memory_bytes` and `state`.
        """
        if not processes:
            return ProgressView(None, 0, 0, 0, None, 0.0, None)
        driver = processes[0]
        plan = driver.get("plan", {})
        stages = merged_stages(processes)
        at = max(process["at"] for process in processes)
        names = [stage.value for stage in STAGE_ORDER if stage.value in {*plan.get("stages", ()), *stages}]
        done = {name: max(counts["in_rows"], counts["done_rows"]) for name, (_, _, counts) in stages.items()}
        received = sum(process.get("download_bytes", 0) for process in processes)
        rates, bytes_per_s = self._rates(at, done, received)
        expected = _expected(names, stages, plan.get("rows"))
        current = _current(names, stages, done, expected)
        hosts = summed_counts(process.get("failed_hosts", {}) for process in processes)
        rate = rates.get(current or "", 0.0)
        of_rows = None if current is None else expected.get(current)
        rows = done.get(current or "", 0) if of_rows is None else min(done.get(current or "", 0), of_rows)
        return ProgressView(
            current,
            names.index(current) + 1 if current in names else 0,
            len(names),
            rows,
            of_rows,
            rate,
            (of_rows - rows) / rate if of_rows is not None and rate > 0 else None,
            downloads=dict(summed_counts(process.get("downloads", {}) for process in processes).most_common()),
            failed_host=hosts.most_common(1)[0] if hosts else None,
            bytes_per_s=bytes_per_s,
            memory_bytes=sum(process.get("memory_bytes", 0) for process in processes),
            seconds=at - driver.get("began", at),
            state=driver.get("state", "running"),
        )

    def _rates(self, at: float, done: dict[str, int], received: int) -> tuple[dict[str, float], float]:
        """Returns (rows a second by stage, bytes a second)."""
        self._history.append((at, done, received))
        while len(self._history) > 2 and at - self._history[1][0] >= _RATE_S:
            self._history.popleft()
        then, earlier, received_then = self._history[0]
        seconds = at - then
        if seconds <= 0:
            return {}, 0.0
        rates = {name: (rows - earlier.get(name, 0)) / seconds for name, rows in done.items()}
        return rates, (received - received_then) / seconds


Stages = dict[str, tuple[float, float, Counter[str]]]


def merged_stages(processes: Iterable[Mapping[str, Any]]) -> Stages:
    """Returns stage -> (Unix time of its first count, of its latest, its counts), over all processes."""
    merged: Stages = {}
    for process in processes:
        for name, stage in process["stages"].items():
            began, latest, counts = merged.get(name, (stage["began"], stage["latest"], Counter()))
            counts.update(stage["counts"])
            merged[name] = (min(began, stage["began"]), max(latest, stage["latest"]), counts)
    return merged


def summed_counts(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    """Returns the sum of counts by name."""
    total: Counter[str] = Counter()
    for more in counts:
        total.update(more)
    return total


def _is_active(stages: Stages, name: str) -> bool:
    newest = max(latest for _, latest, _ in stages.values())
    return name in stages and newest - stages[name][1] <= _ACTIVE_S


def _expected(names: Sequence[str], stages: Stages, rows: int | None) -> dict[str, int]:
    """Returns how many rows each stage that has begun will see, as far as the stages before it have let them pass."""
    expected: dict[str, int] = {}
    coming = rows
    for name in names:
        if name not in stages:
            continue
        counts = stages[name][2]
        in_rows = counts["in_rows"]
        if not _is_active(stages, name):
            expected[name] = in_rows
        elif coming is not None:
            expected[name] = max(coming, in_rows)
        is_known = name in expected and in_rows
        coming = round(expected[name] * counts["out_rows"] / in_rows) if is_known else None
    return expected


def _current(names: Sequence[str], stages: Stages, done: Mapping[str, int], expected: Mapping[str, int]) -> str | None:
    """Returns the first stage that works and has rows to come; where none has, the last that works."""
    active = [name for name in names if name in stages and _is_active(stages, name)]
    unfinished = [name for name in active if name not in expected or done[name] < expected[name]]
    return next(iter(unfinished or active[-1:]), None)


def duration_text(seconds: float) -> str:
    """Returns a duration as people say it."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def account_in_time(processes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns how long a run and its stages took.

    Args:
        processes: as of `ProgressWatch.view`.

    Returns:
        `began` (Unix time), `seconds`, `download_bytes`, and `stages`, as of `stage_timings`.
    """
    began = processes[0].get("began", 0.0) if processes else 0.0
    latest = max((process.get("at", began) for process in processes), default=began)
    return {
        "began": began,
        "seconds": round(latest - began, 2),
        "download_bytes": sum(process.get("download_bytes", 0) for process in processes),
        "stages": stage_timings(processes),
    }


def stage_timings(processes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns each stage's account in time, in order.

    Args:
        processes: as of `ProgressWatch.view`.

    Returns:
        `stage`, `began_s` (since the run began), `seconds` (from there to its last count, other stages' work
        between included), `in_rows`, `out_rows`, `rows_per_s`, and the stage's timers, summed over threads.
    """
    stages = merged_stages(processes)
    start = processes[0].get("began", 0.0) if processes else 0.0
    timings = []
    for stage in STAGE_ORDER:
        if stage.value not in stages:
            continue
        began, latest, counts = stages[stage.value]
        seconds, rows = latest - began, counts["in_rows"]
        account: dict[str, Any] = {
            "stage": stage.value,
            "began_s": round(began - start, 2),
            "seconds": round(seconds, 2),
        }
        account |= {"in_rows": rows, "out_rows": counts["out_rows"]}
        account["rows_per_s"] = round(rows / seconds, 1) if seconds >= _MEASURED_S else None
        timings.append(account | {name: value for name, value in counts.items() if name.endswith("_msec")})
    return timings
