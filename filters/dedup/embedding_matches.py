"""Which embeddings lie near one of a set: every pair is compared, in blocks."""

from __future__ import annotations

import numpy as np

from babelsift.filters.dedup.semantic import exact_cosines, unit_vectors

_COSINES_AT_ONCE = 1 << 22
_ROUNDING = 1e-4  # far more than float32 is off by


def nearest_match(vectors: np.ndarray, others: np.ndarray, min_cosine: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns each vector's nearest among others with at least that cosine; ties: the first.

    Found by float32, decided by exact cosines, so that batches change nothing.

    Args:
        vectors, others: float[n, dimension], float[m, dimension].

    Returns:
        (int64[n], place among others or -1; float64[n], the cosine, or -inf).
    """
    place, cosine = np.full(len(vectors), -1), np.full(len(vectors), -np.inf)
    ours = unit_vectors(vectors).astype(np.float32)
    step = max(1, _COSINES_AT_ONCE // max(1, len(vectors)))
    for start in range(0, len(others), step):
        theirs = others[start : start + step]
        rows, columns = np.nonzero(ours @ unit_vectors(theirs).astype(np.float32).T >= min_cosine - _ROUNDING)
        exact = exact_cosines(vectors[rows], theirs[columns])
        order = np.lexsort((columns, -exact, rows))
        rows, columns, exact = rows[order], columns[order], exact[order]
        first = np.flatnonzero(np.diff(rows, prepend=-1))
        rows, columns, exact = rows[first], columns[first], exact[first]
        nearer = (exact >= min_cosine) & (exact > cosine[rows])
        place[rows[nearer]], cosine[rows[nearer]] = start + columns[nearer], exact[nearer]
    return place, cosine
