"""The spread of columns: numbers as histograms, with those of each language; words as rows with bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from babelsift.filters.counting import ColumnCounts
from babelsift.filters.selection import meets_condition
from babelsift.pipelines.rendering.data import ReportData
from babelsift.pipelines.rendering.number_format import count_text
from babelsift.pipelines.rendering.page.chart import Threshold
from babelsift.pipelines.rendering.page.measure_view import MeasureView, NamedSpreads, Spread, spreads_view
from babelsift.schemas.recipe import Condition

_MOST_WORDS = 12
_BOUNDS = (("min", True), ("above", True), ("max", False), ("below", False))


@dataclass(frozen=True)
class WordBar:
    """A word of a column.

    Attributes:
        label: the word. rows: with it. width: percent of the widest.
        is_kept: whether it meets the recipe's condition; None: there is none that says so for all languages.
    """

    label: str
    rows: int
    width: float
    is_kept: bool | None


@dataclass(frozen=True)
class ColumnView:
    """A column's spread.

    Attributes:
        rows: that had the column. nulls: those without a value.
        rule: the condition as text, or "".
        numbers: as histograms; None: it has none.
        words: the most frequent first.
        more: how many words are not shown; None: so many that none is.
    """

    name: str
    rows: int
    nulls: int
    rule: str
    numbers: MeasureView | None = None
    words: tuple[WordBar, ...] = ()
    more: int | None = 0


def column_views(data: ReportData) -> list[ColumnView]:
    """Returns the spread of each column that has rows, in the order of their names."""
    conditions = data.recipe.select.conditions
    counted = [(name, counts) for name, counts in sorted(data.columns.items()) if counts.rows]
    return [
        _view(f"column{position}", name, counts, conditions.get(name))
        for position, (name, counts) in enumerate(counted)
    ]


def _view(view_id: str, name: str, counts: ColumnCounts, condition: Condition | None) -> ColumnView:
    rule = "" if condition is None else condition.text()
    if counts.words is None:
        return ColumnView(name, counts.rows, counts.nulls, rule, more=None)
    if counts.words:
        ranked = sorted(counts.words.items(), key=lambda item: (-item[1], item[0]))
        words = _words(ranked[:_MOST_WORDS], condition)
        return ColumnView(name, counts.rows, counts.nulls, rule, words=words, more=max(len(ranked) - _MOST_WORDS, 0))
    return ColumnView(name, counts.rows, counts.nulls, rule, _numbers(view_id, name, counts, condition))


def _numbers(view_id: str, name: str, counts: ColumnCounts, condition: Condition | None) -> MeasureView | None:
    overall = Spread.of(counts.numbers)
    if not overall.total:
        return None
    nulls = f", {count_text(counts.nulls)} more without a value" if counts.nulls else ""
    spreads = {language: Spread.of(numbers) for language, numbers in counts.languages.items()}
    languages = {language: spread for language, spread in spreads.items() if spread.total}
    about = f"All pairs that came so far{nulls}."
    return spreads_view(
        NamedSpreads(view_id, name, about, overall, languages), lambda language: _thresholds(name, condition, language)
    )


def _thresholds(column: str, condition: Condition | None, language: str | None) -> list[Threshold]:
    """Returns the bounds of a column's condition for a language; for all languages only those that hold for each."""
    if condition is None or (language is None and condition.languages):
        return []
    asked = condition.for_language(language)
    bounds = [(getattr(asked, name), name, is_minimum) for name, is_minimum in _BOUNDS]
    return [
        Threshold(float(value), is_minimum, f"select.conditions.{column}.{name}")
        for value, name, is_minimum in bounds
        if value is not None
    ]


def _words(ranked: Sequence[tuple[str, int]], condition: Condition | None) -> tuple[WordBar, ...]:
    most = max(rows for _, rows in ranked)
    return tuple(WordBar(word, rows, 100 * rows / most, _meets(word, condition)) for word, rows in ranked)


def _meets(word: str, condition: Condition | None) -> bool | None:
    """Whether a word meets a condition that is the same for all languages; None where there is none on words."""
    if condition is None or condition.languages or not condition.compares_values:
        return None
    return bool(meets_condition(pa.array([word]), condition)[0])
