"""Cosines that do not depend on batches, blocks, threads or the processor.

Unit vectors are rounded to a grid of 2^-24. A cosine is then a sum of products of whole numbers below 2^53, each of
which float64 holds exactly, in whatever order they are added.

Where few of many cosines matter, float32 finds which, on a GPU where there is one: its error is bounded, and all within
that bound are computed exactly. So what is found does not depend on it.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import numpy as np

_GRID = float(1 << 24)
_FEW = 16  # of a matrix's cosines so few are worth computing one by one
_ROWS_AT_ONCE = 1 << 14
_GPU_DEVICE = "/dev/nvidiactl"


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Returns the vectors at length 1; zeros where a vector has no direction.

    Args:
        vectors: float[n, dimension]; what is no number counts as 0.

    Returns:
        float64[n, dimension].

    >>> unit_vectors(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    wide = np.ascontiguousarray(vectors, np.float64)
    if not np.isfinite(wide).all():
        wide = np.nan_to_num(wide, nan=0.0, posinf=0.0, neginf=0.0)
    lengths = np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    return np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0)


def on_grid(vectors: np.ndarray) -> np.ndarray:
    """Returns the unit vectors as whole numbers of grid steps, for `cosines_on_grid`.

    Args:
        vectors: float[n, dimension].

    Returns:
        float64[n, dimension].
    """
    unit = unit_vectors(vectors)
    unit *= _GRID
    return np.rint(unit, out=unit)


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
    return _cosines_of_rows(on_grid(vectors), on_grid(others))


def pairs_above(
    vectors: np.ndarray, others: np.ndarray, minimum: float, *, below_diagonal: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the pairs of vectors whose cosine is above a minimum.

    Args:
        vectors: float64[n, dimension], as `on_grid` returns.
        others: float64[m, dimension], as `on_grid` returns.
        minimum: the cosine.
        below_diagonal: only others of a lower row number count.

    Returns:
        (int64[k], rows among vectors, ascending; int64[k], rows among others, ascending for each; float64[k], cosines).
    """
    rough = rough_cosines(vectors, others)
    is_candidate = rough > minimum - _error(vectors)
    if below_diagonal:
        is_candidate &= np.tri(len(vectors), len(others), -1, dtype=bool)
    rows, columns = np.nonzero(is_candidate)
    cosines = cosines_of_pairs(vectors, others, rows, columns)
    above = cosines > minimum
    return rows[above], columns[above], cosines[above]


def nearest_of(vectors: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns each vector's nearest other one, and their cosine; ties: the first.

    Args:
        vectors: float64[n, dimension], as `on_grid` returns.
        others: float64[m, dimension], m >= 1, as `on_grid` returns.

    Returns:
        (int64[n], float64[n]).
    """
    rough = rough_cosines(vectors, others)
    is_candidate = rough >= rough.max(axis=1, keepdims=True) - 2 * _error(vectors)
    rows, columns = np.nonzero(is_candidate)
    cosines = cosines_of_pairs(vectors, others, rows, columns)
    order = np.lexsort((columns, -cosines, rows))
    first = order[np.flatnonzero(np.diff(rows[order], prepend=-1))]
    return columns[first], cosines[first]


def cosines_of_pairs(vectors: np.ndarray, others: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Returns the cosines of pairs of rows, one by one where they are few, else out of the whole matrix.

    Args:
        vectors: float64[n, dimension], as `on_grid` returns.
        others: float64[m, dimension], as `on_grid` returns.
        rows: int64[k], among vectors.
        columns: int64[k], among others.

    Returns:
        float64[k].
    """
    if _FEW * len(rows) > len(vectors) * len(others):
        return cosines_on_grid(vectors, others)[rows, columns]
    cosines = np.empty(len(rows))
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        chunk = slice(start, start + _ROWS_AT_ONCE)
        cosines[chunk] = _cosines_of_rows(vectors[rows[chunk]], others[columns[chunk]])
    return cosines


def rough_cosines(vectors: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the cosine of each vector with each other one, off by no more than float32's sums are.

    Args:
        vectors: float64[n, dimension], as `on_grid` returns.
        others: float64[m, dimension], as `on_grid` returns.

    Returns:
        float32[n, m].
    """
    # A grid's whole numbers are below what float32 holds exactly: only its sums are off.
    ours, theirs = (side.astype(np.float32) for side in (vectors, others))
    torch = torch_with_gpu()
    if torch is None:
        return ours @ theirs.T / np.float32(_GRID**2)
    device = torch.device("cuda")
    product = torch.from_numpy(ours).to(device) @ torch.from_numpy(theirs).to(device).T
    return (product / _GRID**2).cpu().numpy()


@cache
def torch_with_gpu() -> Any:
    """Returns torch where it is installed and there is a GPU, at whole float32 precision; else None."""
    if not os.path.exists(_GPU_DEVICE):  # importing torch takes seconds
        return None
    try:
        import torch
    except ImportError:
        return None
    if not torch.cuda.is_available():
        return None
    torch.backends.cuda.matmul.allow_tf32 = False
    return torch


def _error(vectors: np.ndarray) -> float:
    """Returns how much float32 may be off a cosine, a sum of terms whose moduli add up to 1 (Higham 2002, ch. 3)."""
    return float((vectors.shape[1] + 8) * 2.0**-24 * 1.01)


def _cosines_of_rows(vectors: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", vectors, others) / _GRID**2
