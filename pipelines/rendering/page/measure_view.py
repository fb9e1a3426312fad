"""Numbers that rules compare, as histograms with the recipe's bounds: of all languages, and of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.measures import MEASURES, Measure
from babelsift.pipelines.rendering.data import ReportData
from babelsift.pipelines.rendering.page.chart import Chart, Threshold, draw
from babelsift.schemas import Recipe, Stage

SHOWN_LANGUAGES = 12
_BARS, _SMALL_BARS = 60, 30
_TAIL = 0.005  # of the rows, on either side, that may lie outside: an outlier squeezes nothing


@dataclass(frozen=True)
class Spread:
    """Numbers with how many rows have each.

    Attributes:
        values: float64[n], ascending. rows: int64[n].
    """

    values: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, counts: Mapping[float, int]) -> Spread:
        """Returns the spread of {number: rows}; what is not finite is left out."""
        values = np.array(sorted(value for value in counts if np.isfinite(value)), np.float64)
        return cls(values, np.array([counts[value] for value in values.tolist()], np.int64))

    @property
    def total(self) -> int:
        """All rows."""
        return int(self.rows.sum())

    def quantile(self, share: float) -> float:
        """Returns the number that this share of the rows does not exceed; needs at least one row."""
        index = int(np.searchsorted(np.cumsum(self.rows), share * self.total, side="left"))
        return float(self.values[min(index, len(self.values) - 1)])

    def rows_within(self, thresholds: Sequence[Threshold]) -> int:
        """Returns the rows that meet all thresholds."""
        met = np.ones(len(self.values), bool)
        for threshold in thresholds:
            met &= self.values >= threshold.value if threshold.is_minimum else self.values <= threshold.value
        return int(self.rows[met].sum())

    def edges(self, thresholds: Sequence[Threshold], *, bars: int, is_scaled: bool) -> np.ndarray:
        """Returns the edges of bars over nearly all rows and every threshold; whole numbers have whole bars."""
        ends = [self.quantile(_TAIL), self.quantile(1 - _TAIL), *(threshold.value for threshold in thresholds)]
        low, high = min(ends), max(ends)
        if is_scaled:
            low, high = max(low, 1e-9), max(high, low, 1e-9)
            return np.geomspace(low * 0.9, high * 1.1, bars + 1)
        if (self.values == np.round(self.values)).all():
            step = max(int(np.ceil((high - low + 1) / bars)), 1)
            first = np.floor(low)
            return np.arange(first, high + step + 1, step) - 0.5
        margin = (high - low or abs(high) or 1) * 0.02
        return np.linspace(low - margin, high + margin, bars + 1)

    def chart(self, thresholds: Sequence[Threshold], edges: np.ndarray, *, is_scaled: bool) -> Chart:
        """Returns the histogram, with what lies outside of the edges in the outermost bars."""
        places = np.clip(np.searchsorted(edges, self.values, side="right") - 1, 0, len(edges) - 2)
        rows = np.bincount(places, weights=self.rows, minlength=len(edges) - 1)
        return draw(rows, edges, thresholds, is_scaled=is_scaled)


@dataclass(frozen=True)
class SpreadView:
    """One histogram with its figures.

    Attributes:
        language: "all" for all of them.
        quantiles: at a tenth, a half and nine tenths of the rows.
        thresholds: on it. within: rows that meet them; None where there is none.
    """

    language: str
    chart: Chart
    rows: int
    quantiles: tuple[float, float, float]
    thresholds: tuple[Threshold, ...]
    within: int | None


@dataclass(frozen=True)
class MeasureView:
    """A measure's histograms: of all rows, and of the languages with the most.

    Attributes:
        id: unique in the page. about: what its rows are.
        more_languages: how many have none of their own.
    """

    id: str
    name: str
    about: str
    overall: SpreadView
    languages: tuple[SpreadView, ...]
    more_languages: int = 0


ALL = "all"
_ABOUT = {
    Stage.RULES: "All captions that were read.",
    Stage.LANGUAGE: "All captions whose language was told; how often such an answer is right.",
    Stage.IMAGE_RULES: "All images that were downloaded, as they were served.",
}


def measure_views(data: ReportData) -> list[MeasureView]:
    """Returns the histograms of all measures that have rows, in the order of the stages that compare them."""
    counted = [(measure, data.measures.get(measure.name)) for measure in MEASURES]
    return [
        _view(f"measure{position}", measure, table, data.recipe)
        for position, (measure, table) in enumerate(counted)
        if table is not None and len(table)
    ]


def _view(view_id: str, measure: Measure, table: pa.Table, recipe: Recipe) -> MeasureView:
    thresholds = []
    for bound in measure.bounds:
        value = bound.value_in(recipe)
        if value is not None:
            thresholds.append(Threshold(value, bound.is_minimum, f"{bound.group}.{bound.setting}"))
    languages = {
        language: _spread(table.filter(pc.equal(table.column("language"), language)))
        for language in pc.unique(table.column("language")).to_pylist()
        if language
    }
    named = NamedSpreads(view_id, measure.name, _ABOUT[measure.stage], _spread(table), languages)
    return spreads_view(named, lambda _: thresholds, is_scaled=measure.is_scaled)


@dataclass(frozen=True)
class NamedSpreads:
    """Numbers of all rows, and of the rows of each language.

    Attributes:
        id, name, about: see `MeasureView`.
        overall: of all rows, one at least.
        languages: language -> of its rows, one at least.
    """

    id: str
    name: str
    about: str
    overall: Spread
    languages: Mapping[str, Spread]


def spreads_view(
    named: NamedSpreads, thresholds_of: Callable[[str | None], Sequence[Threshold]], *, is_scaled: bool = False
) -> MeasureView:
    """Returns the histograms of numbers: of all rows, and of the languages with the most, all on the same axis.

    Args:
        named: the numbers.
        thresholds_of: gives the bounds of a language; of None, those that hold for all languages.
        is_scaled: see `Measure`.
    """
    ranked = sorted(named.languages, key=lambda language: (-named.languages[language].total, language))
    shown = ranked[:SHOWN_LANGUAGES]
    on_axis = [threshold for language in (None, *shown) for threshold in thresholds_of(language)]

    def view(label: str, language: str | None, spread: Spread, bars: int) -> SpreadView:
        thresholds = thresholds_of(language)
        edges = named.overall.edges(on_axis, bars=bars, is_scaled=is_scaled)
        return SpreadView(
            label,
            spread.chart(thresholds, edges, is_scaled=is_scaled),
            spread.total,
            (spread.quantile(0.1), spread.quantile(0.5), spread.quantile(0.9)),
            tuple(thresholds),
            spread.rows_within(thresholds) if thresholds else None,
        )

    return MeasureView(
        named.id,
        named.name,
        named.about,
        view(ALL, None, named.overall, _BARS),
        tuple(view(language, language, named.languages[language], _SMALL_BARS) for language in shown),
        len(ranked) - len(shown),
    )


def _spread(table: pa.Table) -> Spread:
    summed = table.group_by("value").aggregate([("rows", "sum")]).sort_by("value")
    return Spread(summed.column("value").to_numpy(), summed.column("rows_sum").to_numpy())
