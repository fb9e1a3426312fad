"""Similarity histograms: their sums and quantiles, and where the recipe cuts them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from babelsift.filters.selection import top_fraction_bin
from babelsift.pipelines.rendering.data import ReportData
from babelsift.pipelines.rendering.page.chart import Threshold, draw
from babelsift.pipelines.rendering.page.measure_view import MeasureView, SpreadView
from babelsift.schemas import Recipe, similarity_column
from babelsift.schemas.recipe import DEFAULT, model_for

ALL = "all"
SHOWN_LANGUAGES = 10
_BARS, _SMALL_BARS = 100, 40


@dataclass(frozen=True)
class Histogram:
    """Rows by bin of similarity.

    Attributes:
        bins: int64[n], ascending. rows: int64[n], > 0. bin_width: cosine; bin b starts at -1 + b * bin_width.
    """

    bins: np.ndarray
    rows: np.ndarray
    bin_width: float

    @classmethod
    def of(cls, counts: Iterable[Mapping[int, int]], bin_width: float) -> Histogram:
        """Returns the sum of several histograms; bins without rows are left out."""
        total: dict[int, int] = {}
        for histogram in counts:
            for number, rows in histogram.items():
                if rows:
                    total[int(number)] = total.get(int(number), 0) + rows
        bins = np.array(sorted(total), dtype=np.int64)
        return cls(bins, np.array([total[number] for number in bins.tolist()], dtype=np.int64), bin_width)

    @property
    def total(self) -> int:
        """Rows in all bins."""
        return int(self.rows.sum())

    @property
    def starts(self) -> np.ndarray:
        """float64[n], the similarity at which each bin starts."""
        return -1 + self.bins * self.bin_width

    def quantile(self, share: float) -> float:
        """Returns the middle of the bin below which that share of the rows lies; needs at least one row."""
        index = int(np.searchsorted(np.cumsum(self.rows), share * self.total, side="left"))
        return float(self.starts[min(index, len(self.rows) - 1)] + self.bin_width / 2)

    def rows_from(self, cut: float) -> int:
        """Returns the rows at or above a similarity, exact to one bin."""
        return int(self.rows[self.starts + self.bin_width / 2 >= cut].sum())

    def top_fraction_cut(self, fraction: float) -> float:
        """Returns the start of the lowest bin that is kept when the top fraction of the rows are."""
        counts = dict(zip(self.bins.tolist(), self.rows.tolist(), strict=True))
        return -1 + top_fraction_bin(counts, fraction) * self.bin_width

    def rebinned(self, low: float, high: float, pieces: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns (rows[m], edges[m + 1]) of about `pieces` bins, each a whole number of bins, that cover low to high.

        Rows outside are left out.
        """
        first = int(np.floor((low + 1) / self.bin_width))
        last = max(int(np.ceil((high + 1) / self.bin_width)), first + 1)
        step = max(-(-(last - first) // pieces), 1)
        edges = np.arange(first, last + step, step)
        inside = (self.bins >= edges[0]) & (self.bins < edges[-1])
        pieces_of_bins = (self.bins[inside] - first) // step
        rows = np.bincount(pieces_of_bins, weights=self.rows[inside], minlength=len(edges) - 1)
        return rows, -1 + edges * self.bin_width


@dataclass(frozen=True)
class ScoreRow:
    """One histogram of a model, of all languages or of one, and the recipe's cut on it (None: it decides nothing)."""

    label: str
    histogram: Histogram
    cut: float | None
    rule: str = ""

    @property
    def rows_above(self) -> int | None:
        """Rows at or above the cut."""
        return None if self.cut is None else self.histogram.rows_from(self.cut)


def score_rows(
    recipe: Recipe, column: str, by_language: Mapping[str, Mapping[int, int]], width: float
) -> list[ScoreRow]:
    """Returns the histogram of all pairs, then those of the languages with the most pairs; empty without rows."""
    overall = Histogram.of(by_language.values(), width)
    if not overall.total:
        return []
    languages = {language or "und": Histogram.of([counts], width) for language, counts in by_language.items()}
    ranked = sorted((item for item in languages.items() if item[1].total), key=lambda item: (-item[1].total, item[0]))
    rows = [ScoreRow(ALL, overall, *_cut(recipe, column, None, overall, overall))]
    for language, histogram in ranked[:SHOWN_LANGUAGES]:
        rows.append(ScoreRow(language, histogram, *_cut(recipe, column, language, histogram, overall)))
    return rows


def score_views(data: ReportData) -> list[MeasureView]:
    """Returns the histograms of each model's similarities, in the recipe's order."""
    order = [similarity_column(name) for name in data.recipe.model_names]
    columns = sorted(data.score_histograms, key=lambda name: (order.index(name) if name in order else len(order), name))
    views = []
    for position, column in enumerate(columns):
        by_language = data.score_histograms[column]
        rows = score_rows(data.recipe, column, by_language, data.bin_width)
        if rows:
            languages = sum(1 for counts in by_language.values() if any(counts.values()))
            views.append(_view(f"score{position}", column, rows, languages))
    return views


def _view(name: str, column: str, rows: list[ScoreRow], languages: int) -> MeasureView:
    low, high = _span(rows)
    decides = any(row.cut is not None for row in rows)
    about = "All pairs that were scored and compared; the cosine of image and caption."
    return MeasureView(
        name,
        column,
        about if decides else f"{about} The recipe does not cut by it.",
        _spread_view(rows[0], low, high, _BARS),
        tuple(_spread_view(row, low, high, _SMALL_BARS) for row in rows[1:]),
        languages - (len(rows) - 1),
    )


def _span(rows: list[ScoreRow]) -> tuple[float, float]:
    """Returns the axis' ends: every threshold and 99.8 percent of all pairs, so that an outlier squeezes nothing."""
    overall = rows[0].histogram
    ends = [overall.quantile(0.001), overall.quantile(0.999), *(row.cut for row in rows if row.cut is not None)]
    margin = max((max(ends) - min(ends)) * 0.03, 0.01)
    return min(ends) - margin, max(ends) + margin


def _spread_view(row: ScoreRow, low: float, high: float, most: int) -> SpreadView:
    histogram = row.histogram
    bars = int(min(max(2 * histogram.total ** (1 / 3), most // 2), most))
    counts, edges = histogram.rebinned(low, high, bars)
    thresholds = () if row.cut is None else (Threshold(row.cut, True, row.rule),)
    return SpreadView(
        row.label,
        draw(counts, edges, thresholds),
        histogram.total,
        (histogram.quantile(0.1), histogram.quantile(0.5), histogram.quantile(0.9)),
        thresholds,
        row.rows_above,
    )


def _cut(
    recipe: Recipe, column: str, language: str | None, histogram: Histogram, overall: Histogram
) -> tuple[float, str] | tuple[None]:
    """Returns the highest threshold on a column that every pair must pass; rules a language do not hold for all."""
    cuts = []
    for rule, model in recipe.select.required():
        name = model_for(model, language, recipe.model_names)
        if name is None or column != similarity_column(name):
            continue
        minimum, fractions = (
            _said(setting, language) for setting in (rule.min_similarity, rule.top_fraction_by_language)
        )
        if minimum is not None:
            cuts.append((float(minimum), "min_similarity"))
        if rule.top_fraction is not None:
            cuts.append((overall.top_fraction_cut(rule.top_fraction), "top_fraction"))
        if fractions is not None and language:
            cuts.append((histogram.top_fraction_cut(fractions), "top_fraction_by_language"))
    return max(cuts, default=(None,))


def _said(setting: float | Mapping[str, float] | None, language: str | None) -> float | None:
    """Returns a setting's value for a language; for all languages only a value that holds for each."""
    if isinstance(setting, Mapping):
        return setting.get(language, setting.get(DEFAULT)) if language else None
    return setting
