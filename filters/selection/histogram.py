"""Mergeable histograms of scores: exact to one bin of 2e-4, whatever the order in which they are merged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

BIN_WIDTH = 2e-4
LOWEST = -1.0

Histogram = dict[int, int]  # bin -> rows; bin b covers [LOWEST + b * BIN_WIDTH, LOWEST + (b + 1) * BIN_WIDTH)


def bins_of(scores: np.ndarray) -> np.ndarray:
    """Returns int64[n], the bin of each score.

    Args:
        scores: float[n] in -1..1, no NaN.
    """
    return np.floor((np.asarray(scores, dtype=np.float64) - LOWEST) / BIN_WIDTH).astype(np.int64)


def histogram_of(scores: np.ndarray) -> Histogram:
    """Returns the histogram of the scores."""
    bins, rows = np.unique(bins_of(scores), return_counts=True)
    return {int(one): int(count) for one, count in zip(bins, rows, strict=True)}


def merge(histograms: Iterable[Mapping[int, int]]) -> Histogram:
    """Returns the sum of histograms."""
    total: Histogram = {}
    for histogram in histograms:
        for one, rows in histogram.items():
            total[one] = total.get(one, 0) + rows
    return total


def top_fraction_bin(histogram: Mapping[int, int], fraction: float) -> int:
    """Returns the lowest bin that is kept when the top `fraction` of the rows are.

    The rule is DataComp's, at the resolution of a bin: what is kept is `>=` the value at sorted-descending index
    int(rows * fraction); at a fraction of 1 everything is.

    Raises:
        ValueError: the histogram is empty.

    Source:
        DataComp (`baselines/utils.py`, `load_metadata` quantile rule).
    """
    if not histogram:
        raise ValueError("the top fraction of no rows is undefined")
    index = int(sum(histogram.values()) * fraction)
    above = 0
    for one in sorted(histogram, reverse=True):
        above += histogram[one]
        if above > index:
            return one
    return min(histogram)


def lower_edge(one: int) -> float:
    """Returns the score at which a bin begins."""
    return LOWEST + one * BIN_WIDTH
