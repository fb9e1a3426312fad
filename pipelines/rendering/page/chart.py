"""Histograms as the page draws them: bars as paths in a box that any width stretches, ticks and cuts in percent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BOX_WIDTH, BOX_HEIGHT = 1000, 100  # of the drawing; the page stretches it
_MOST_TICKS = 6
_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Threshold:
    """A bound on what a histogram shows.

    Attributes:
        is_minimum: whether what lies below is left out, or else what lies above.
        rule: the setting that says so.
    """

    value: float
    is_minimum: bool
    rule: str = ""


@dataclass(frozen=True)
class Mark:
    """A place on the axis: in percent of the width, with its label. `is_late`: its label goes to its left."""

    at: float
    label: str
    is_late: bool = False


@dataclass(frozen=True)
class Chart:
    """A histogram as drawn.

    Attributes:
        within, beyond: path data of the bars that the thresholds keep, and of those that they leave out.
        peak: rows of the highest bar.
    """

    within: str
    beyond: str
    ticks: tuple[Mark, ...]
    cuts: tuple[Mark, ...]
    peak: int


def draw(
    rows: np.ndarray, edges: np.ndarray, thresholds: Sequence[Threshold] = (), *, is_scaled: bool = False
) -> Chart:
    """Returns a histogram as drawn.

    Args:
        rows: int[m], rows of each bar.
        edges: float64[m + 1], ascending; positive where the axis is scaled.
        thresholds: bounds; a bar whose middle is beyond one is drawn as left out.
        is_scaled: whether the axis is logarithmic.
    """
    place = np.log(edges) if is_scaled else edges
    low, high = float(place[0]), float(place[-1])
    x = (place - low) / (high - low) * BOX_WIDTH
    peak = max(int(rows.max(initial=0)), 1)
    tops = BOX_HEIGHT * (1 - rows / peak)
    middles = np.sqrt(edges[:-1] * edges[1:]) if is_scaled else (edges[:-1] + edges[1:]) / 2
    is_within = np.ones(len(rows), bool)
    for threshold in thresholds:
        is_within &= middles >= threshold.value if threshold.is_minimum else middles <= threshold.value

    def at(value: float) -> float:
        where = math.log(value) if is_scaled and value > 0 else value
        return min(max(100 * (where - low) / (high - low), 0.0), 100.0)

    ticks = _scaled_ticks(edges[0], edges[-1]) if is_scaled else _ticks(edges[0], edges[-1])
    cuts = [
        Mark(at(bound.value), f"{'≥' if bound.is_minimum else '≤'} {bound.value:.4g}", at(bound.value) > 60)
        for bound in thresholds
    ]
    return Chart(
        _path(x, tops, np.flatnonzero(is_within & (rows > 0))),
        _path(x, tops, np.flatnonzero(~is_within & (rows > 0))),
        tuple(Mark(at(tick), tick_text(tick)) for tick in ticks),
        tuple(cuts),
        peak,
    )


def _path(x: np.ndarray, tops: np.ndarray, bars: np.ndarray) -> str:
    return "".join(f"M{x[bar]:.1f} {BOX_HEIGHT}V{tops[bar]:.1f}H{x[bar + 1]:.1f}V{BOX_HEIGHT}Z" for bar in bars)


def tick_text(value: float) -> str:
    """Returns a tick's label.

    >>> tick_text(20000), tick_text(0.25), tick_text(3.0)
    ('20k', '0.25', '3')
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == 'k' else size):.4g}{unit}"
    return f"{value:.4g}"


def _ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / _MOST_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in _STEPS if step * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _scaled_ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
        if len(ticks) <= _MOST_TICKS + 2:
            return ticks
    return ticks
