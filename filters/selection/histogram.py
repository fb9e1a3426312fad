"""Mergeable histograms of scores: exact to one bin of 2e-4, whatever the order in which they are merged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

BIN_WIDTH = 2e-4
LOWEST = -1.0
_FARTHEST = 2.0**62  # bins; a column's values may lie anywhere

Histogram = dict[int, int]  # bin -> rows; bin b covers [LOWEST + b * BIN_WIDTH, LOWEST + (b + 1) * BIN_WIDTH)


def bins_of(scores: np.ndarray) -> np.ndarray:
    """Returns int64[n], the bin of each score.

    Args:
        scores: float[n], no NaN; beyond 9e14 either way all are in one bin.

    >>> bins_of(np.array([-1.0, 0.3])).tolist()
    [0, 6500]
    """
    bins = np.floor((np.asarray(scores, dtype=np.float64) - LOWEST) / BIN_WIDTH)
    return np.clip(bins, -_FARTHEST, _FARTHEST).astype(np.int64)


def histogram_of(scores: np.ndarray) -> Histogram:
    """Returns the histogram of scores.

    Args:
        scores: float[n] in -1..1, no NaN.
    """
    bins, rows = np.unique(bins_of(scores), return_counts=True)
    return dict(zip(bins.tolist(), rows.tolist(), strict=True))


def merge(histograms: Iterable[Mapping[int, int]]) -> Histogram:
    """Returns the sum of histograms.

    Args:
        histograms: bin -> rows.

    >>> merge([{1: 2}, {1: 3, 5: 1}])
    {1: 5, 5: 1}
    """
    total: Histogram = {}
    for histogram in histograms:
        for bin_, rows in histogram.items():
            total[bin_] = total.get(bin_, 0) + rows
    return total


def top_fraction_bin(histogram: Mapping[int, int], fraction: float) -> int:
    """Returns the lowest bin that is kept when the top `fraction` of the rows are.

    The rule is DataComp's, at the resolution of a bin: a row is kept if it is `>=` the value at sorted-descending index
    int(rows * fraction); at a fraction of 1 every row is.

    Args:
        histogram: of all rows.
        fraction: above 0, to 1.

    Raises:
        ValueError: the histogram is empty.

    Source:
        DataComp (`baselines/utils.py`, `load_metadata` quantile rule).

    >>> top_fraction_bin({10: 1, 9: 1, 8: 2}, 0.5)
    8
    """
    if not histogram:
        raise ValueError("the top fraction of no rows is undefined")
    index = int(sum(histogram.values()) * fraction)
    above = 0
    for bin_ in sorted(histogram, reverse=True):
        above += histogram[bin_]
        if above > index:
            return bin_
    return min(histogram)


def lower_edge(bin_: int) -> float:
    """Returns the score at which a bin begins.

    Args:
        bin_: its number.

    >>> round(lower_edge(6500), 6)
    0.3
    """
    return LOWEST + bin_ * BIN_WIDTH
