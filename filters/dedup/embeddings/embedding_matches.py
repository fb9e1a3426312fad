"""Which embeddings lie near one of a set: every pair is compared, in blocks."""

from __future__ import annotations

import numpy as np

from babelsift.filters.dedup.embeddings.vectors import exact_cosines, unit_vectors

_ROUNDING = 1e-4  # far more than float32 is off by


def nearest_match(
    vectors: np.ndarray, others: np.ndarray, min_cosine: float, *, cosines_per_block: int = 1 << 22
) -> tuple[np.ndarray, np.ndarray]:
    """Returns each vector's nearest among others with at least a cosine; ties: the first.

    Candidates are found in float32 and decided by exact cosines, so that batches change nothing.

    Args:
        vectors: float[n, dimension].
        others: float[m, dimension].
        min_cosine: -1 to 1.
        cosines_per_block: how many cosines are in memory at once; results do not depend on it.

    Returns:
        (int64[n], row index among others, or -1; float64[n], the cosine, or -inf).
    """
    match, cosine = np.full(len(vectors), -1), np.full(len(vectors), -np.inf)
    ours = unit_vectors(vectors).astype(np.float32)
    step = max(1, cosines_per_block // max(1, len(vectors)))
    for start in range(0, len(others), step):
        theirs = others[start : start + step]
        rows, columns = np.nonzero(ours @ unit_vectors(theirs).astype(np.float32).T >= min_cosine - _ROUNDING)
        exact = exact_cosines(vectors[rows], theirs[columns])
        order = np.lexsort((columns, -exact, rows))
        rows, columns, exact = rows[order], columns[order], exact[order]
        first = np.flatnonzero(np.diff(rows, prepend=-1))
        rows, columns, exact = rows[first], columns[first], exact[first]
        nearer = (exact >= min_cosine) & (exact > cosine[rows])
        match[rows[nearer]], cosine[rows[nearer]] = start + columns[nearer], exact[nearer]
    return match, cosine
