"""A projection of embeddings to a plane, for programs that draw maps."""

from __future__ import annotations

import numpy as np

_FITTED_ON = 50_000


def project(vectors: np.ndarray) -> np.ndarray:
    """Returns float32[n, 2], the two principal components of vectors, each of unit variance.

    Args:
        vectors: float16[n, dimension].

    >>> project(np.array([[1, 0, 0], [-1, 0, 0], [0, 0.1, 0]], np.float16)).shape
    (3, 2)
    """
    chosen = np.sort(np.random.default_rng(0).permutation(len(vectors))[:_FITTED_ON])
    fitted = vectors[chosen].astype(np.float32)
    middle = fitted.mean(axis=0)
    covariance = np.cov(fitted - middle, rowvar=False, bias=True)
    values, axes = np.linalg.eigh(np.atleast_2d(covariance))
    axes = axes[:, ::-1][:, :2] / np.sqrt(np.maximum(values[::-1][:2], 1e-12))
    axes *= np.where(axes.sum(axis=0) < 0, -1, 1)  # an axis' direction is anybody's choice: always the same one
    return ((vectors.astype(np.float32) - middle) @ axes).astype(np.float32)
