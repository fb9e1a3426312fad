"""The spread of columns as rows of numbers and widths, which a template lays out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from babelsift.filters.counting import ColumnCounts
from babelsift.filters.selection import meets_condition
from babelsift.pipelines.rendering.data import ReportData
from babelsift.schemas.recipe import Condition

_BINS = 12


@dataclass(frozen=True)
class ColumnBar:
    """A bin of numbers, or a word.

    Attributes:
        label: its ends, or the word. rows: with such a value. width: percent of the widest.
        is_kept: whether all of it meets the recipe's condition; None: there is none that says so for all languages.
    """

    label: str
    rows: int
    width: float
    is_kept: bool | None


@dataclass(frozen=True)
class ColumnView:
    """A column's spread.

    Attributes:
        rows: that had the column. nulls: those without a value. rule: the condition as text, or "".
        bars: in the order of numbers, or the most frequent words first.
        more: how many words are not shown; None: so many that none is.
    """

    name: str
    rows: int
    nulls: int
    rule: str
    bars: tuple[ColumnBar, ...]
    more: int | None = 0


def column_views(data: ReportData) -> list[ColumnView]:
    """Returns the spread of each column that has rows, in the order of their names."""
    conditions = data.recipe.select.conditions
    return [_view(name, counts, conditions.get(name)) for name, counts in sorted(data.columns.items()) if counts.rows]


def _view(name: str, counts: ColumnCounts, condition: Condition | None) -> ColumnView:
    rule = "" if condition is None else condition.text()
    judge = None if condition is None or condition.languages else condition
    if counts.words is None:
        return ColumnView(name, counts.rows, counts.nulls, rule, (), None)
    if counts.words:
        ranked = sorted(counts.words.items(), key=lambda item: (-item[1], item[0]))
        bars = _bars([(word, rows, _meets(pa.array([word]), judge)) for word, rows in ranked[:_BINS]])
        return ColumnView(name, counts.rows, counts.nulls, rule, bars, max(len(ranked) - _BINS, 0))
    return ColumnView(name, counts.rows, counts.nulls, rule, _bars(_bins(counts.numbers, judge)))


def _bins(numbers: Mapping[float, int], judge: Condition | None) -> list[tuple[str, int, bool | None]]:
    values = np.array(sorted(value for value in numbers if np.isfinite(value)), np.float64)
    rows = np.array([numbers[value] for value in values.tolist()], np.int64)
    if len(values) <= _BINS:
        return [
            (f"{value:g}", int(count), _meets(pa.array([value]), judge))
            for value, count in zip(values, rows, strict=True)
        ]
    edges = np.linspace(values[0], values[-1], _BINS + 1)
    number = np.minimum(np.searchsorted(edges, values, side="right") - 1, _BINS - 1)
    bins = []
    for index in range(_BINS):
        inside = values[number == index]
        met = _meets(pa.array(inside), judge) if len(inside) else None
        bins.append((f"{edges[index]:.3g} to {edges[index + 1]:.3g}", int(rows[number == index].sum()), met))
    return bins


def _meets(values: pa.Array, judge: Condition | None) -> bool | None:
    """Whether all values meet a condition, of none of the kind that it compares nothing is said."""
    if judge is None or judge.compares_numbers != pa.types.is_floating(values.type):
        return None
    met = meets_condition(values, judge)
    return bool(met.all()) if met.all() or not met.any() else None


def _bars(bins: list[tuple[str, int, bool | None]]) -> tuple[ColumnBar, ...]:
    widest = max((rows for _, rows, _ in bins), default=0) or 1
    return tuple(ColumnBar(label, rows, 100 * rows / widest, is_kept) for label, rows, is_kept in bins)
