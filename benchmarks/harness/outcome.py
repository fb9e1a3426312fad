"""What a benchmark found: figures of ours, of a peer, their ratio and the goal; medians of alternating runs."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """One figure. `ours` and `peer` are in `unit`; `ratio` is what the goal is about."""

    unit: str
    ours: float | None = None
    peer: float | None = None
    ratio: float | None = None
    goal: str | None = None


@dataclass
class Outcome:
    """A benchmark's figures by name, with a line on what was run."""

    bench: str
    what: str
    figures: dict[str, Figure] = field(default_factory=dict)

    def table(self) -> str:
        """Returns the figures for people."""
        rows = [("figure", "ours", "peer", "ratio", "goal", "unit")]
        for name, figure in self.figures.items():
            numbers = [_number(value) for value in (figure.ours, figure.peer, figure.ratio)]
            rows.append((name, *numbers, figure.goal or "", figure.unit))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([self.what, "", *lines])

    def json_line(self) -> str:
        """Returns the figures for programs: one line, only what applies."""
        figures = {
            name: {
                key: value for key in ("ours", "peer", "ratio", "goal") if (value := getattr(figure, key)) is not None
            }
            for name, figure in self.figures.items()
        }
        return json.dumps({"bench": self.bench, "figures": figures})


def alternating(sides: Mapping[str, Callable[[], object]], *, runs: int) -> dict[str, list[float]]:
    """Times the sides in turn, `runs` times each, and returns their seconds: a slow minute of the machine hits all."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(runs):
        for name, side in sides.items():
            started = time.perf_counter()
            side()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def median_ratio(ours: list[float], peer: list[float]) -> float:
    """Returns the median over rounds of ours divided by the peer's in the same round."""
    return statistics.median(one / other for one, other in zip(ours, peer, strict=True))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
