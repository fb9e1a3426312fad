"""Groups of equal neighbours in a sorted array: where each starts, how large it is, and each value's rank in it."""

from __future__ import annotations

import numpy as np


def group_starts(sorted_values: np.ndarray) -> np.ndarray:
    """Returns int64[groups], the index of each group's first value.

    Args:
        sorted_values: any type that compares, n values, equal ones side by side.

    >>> group_starts(np.array([3, 3, 5])).tolist()
    [0, 2]
    """
    return np.flatnonzero(np.r_[True, sorted_values[1:] != sorted_values[:-1]][: len(sorted_values)])


def group_sizes(sorted_values: np.ndarray) -> np.ndarray:
    """Returns int64[n], the size of the group that each value is in.

    Args:
        sorted_values: see `group_starts`.

    >>> group_sizes(np.array([3, 3, 5])).tolist()
    [2, 2, 1]
    """
    sizes = np.diff(np.r_[group_starts(sorted_values), len(sorted_values)])
    return np.repeat(sizes, sizes)


def group_ranks(sorted_values: np.ndarray) -> np.ndarray:
    """Returns int64[n], each value's rank in its group, from 0.

    Args:
        sorted_values: see `group_starts`.

    >>> group_ranks(np.array([3, 3, 5])).tolist()
    [0, 1, 0]
    """
    starts = group_starts(sorted_values)
    return np.arange(len(sorted_values)) - np.repeat(starts, np.diff(np.r_[starts, len(sorted_values)]))
