"""Compares measures with thresholds, the same way for every filter."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def at_least(values: pa.Array, minimum: float) -> pa.BooleanArray:
    """Returns bool[n], where the value is at least `minimum`; False where it is null.

    Args:
        values: of numbers [n], nullable.
        minimum: the lowest value that passes.

    >>> at_least(pa.array([2, 3, None]), 3).to_pylist()
    [False, True, False]
    """
    return pc.fill_null(pc.greater_equal(values, pa.scalar(minimum)), False)


def at_most(values: pa.Array, maximum: float) -> pa.BooleanArray:
    """Returns bool[n], where the value is at most `maximum`; False where it is null.

    Args:
        values: of numbers [n], nullable.
        maximum: the highest value that passes.

    >>> at_most(pa.array([2, 3, None]), 2).to_pylist()
    [True, False, False]
    """
    return pc.fill_null(pc.less_equal(values, pa.scalar(maximum)), False)


def check_count(name: str, threshold: int) -> int:
    """Returns a threshold that counts.

    Args:
        name: of the threshold, for the error.
        threshold: >= 0.

    Raises:
        ValueError: it is negative.
    """
    if threshold < 0:
        raise ValueError(f"{name} must be 0 or more, got {threshold}")
    return threshold


def check_ratio(name: str, threshold: float) -> float:
    """Returns a threshold that is a ratio, as float.

    Args:
        name: of the threshold, for the error.
        threshold: in [0, 1].

    Raises:
        ValueError: it is not within 0 and 1.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"{name} must be a ratio from 0 to 1, got {threshold}")
    return float(threshold)


def ratio(counts: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Returns float64[n], counts / totals, and 0 where the total is 0.

    Args:
        counts: int64[n].
        totals: int64[n].

    >>> ratio(np.array([1, 0]), np.array([2, 0])).tolist()
    [0.5, 0.0]
    """
    return counts / np.maximum(totals, 1)
