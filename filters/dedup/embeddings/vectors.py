"""Cosines that do not depend on batches, blocks, threads or the processor.

Unit vectors are rounded to a grid of 2^-24. A cosine is then a sum of products of whole numbers below 2^53, each of
which float64 holds exactly, in whatever order they are added.
"""

from __future__ import annotations

import numpy as np

_GRID = float(1 << 24)


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Returns the vectors at length 1; zeros where a vector has no direction.

    Args:
        vectors: float[n, dimension]; what is no number counts as 0.

    Returns:
        float64[n, dimension].

    >>> unit_vectors(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    wide = np.nan_to_num(np.ascontiguousarray(vectors, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    lengths = np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    return np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0)


def on_grid(vectors: np.ndarray) -> np.ndarray:
    """Returns the unit vectors as whole numbers of grid steps, for `cosines_on_grid`.

    Args:
        vectors: float[n, dimension].

    Returns:
        float64[n, dimension].
    """
    return np.rint(unit_vectors(vectors) * _GRID)


def cosines_on_grid(vectors: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the cosine of each vector with each other one.

    Args:
        vectors: float64[n, dimension], as `on_grid` returns.
        others: float64[m, dimension], as `on_grid` returns.

    Returns:
        float64[n, m].
    """
    return vectors @ others.T / _GRID**2


def exact_cosines(vectors: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the cosine of each vector with the other vector of its row.

    Args:
        vectors: float[n, dimension].
        others: float[n, dimension].

    Returns:
        float64[n].
    """
    return (on_grid(vectors) * on_grid(others)).sum(axis=1) / _GRID**2
