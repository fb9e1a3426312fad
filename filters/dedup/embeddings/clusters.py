"""Clusters of embeddings by spherical k-means; faiss trains the centroids on one thread, so that seeds repeat."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np

from babelsift.filters.dedup.embeddings.vectors import nearest_of, on_grid, unit_vectors
from babelsift.schemas import ModelError

_TRAINING_ROUNDS = 20
_ROWS_PER_CLUSTER = 1000
_CLUSTERS_OF_ONE_CELL = 64
_SAMPLES_PER_CLUSTER = 40  # fewer, and faiss warns that centroids are not well placed


def cluster_count(rows: int, sampled: int) -> int:
    """Returns how many clusters a table gets where a recipe sets none: of a thousand rows, as the sample allows.

    Args:
        rows: of the table.
        sampled: rows that centroids are trained on.

    >>> cluster_count(1_000_000, 20_000)
    500
    """
    return max(1, min(rows // _ROWS_PER_CLUSTER, sampled // _SAMPLES_PER_CLUSTER))


def cell_count(clusters: int) -> int:
    """Returns into how many cells a sample is divided, each of which has its share of the clusters.

    Training takes work by samples times clusters: in cells, as many fewer of both. Few clusters are one cell's.

    Args:
        clusters: of all cells.

    >>> cell_count(64), cell_count(1000)
    (1, 32)
    """
    return 1 if clusters <= _CLUSTERS_OF_ONE_CELL else round(math.sqrt(clusters))


def load_faiss() -> ModuleType:
    """Returns the faiss module.

    Raises:
        ModelError: it is not installed.
    """
    try:
        import faiss
    except ImportError as error:
        raise ModelError("dedup_semantic needs faiss; pip install 'babelsift[semantic]'") from error
    return faiss


def train_centroids(sample: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """Returns the centroids of spherical k-means.

    Args:
        sample: float16 or float32[n, dimension], n >= 1; another order of its rows gives other centroids.
        clusters: at most so many centroids.
        seed: any integer.

    Returns:
        float32[at most clusters, dimension], of unit length.

    Raises:
        ModelError: faiss is not installed.
    """
    unit = unit_vectors(sample).astype(np.float32)
    clusters = min(clusters, len(unit))
    if clusters == 1:
        return unit_vectors(unit.sum(axis=0, dtype=np.float64)[None]).astype(np.float32)
    faiss = load_faiss()
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        kmeans = faiss.Kmeans(
            unit.shape[1],
            clusters,
            niter=_TRAINING_ROUNDS,
            seed=seed % (1 << 31),
            spherical=True,
            min_points_per_centroid=1,
            max_points_per_centroid=len(unit),
        )
        kmeans.train(unit)
    finally:
        faiss.omp_set_num_threads(threads)
    return kmeans.centroids


def nearest_centroids(
    vectors: np.ndarray, centroids: np.ndarray, *, cosines_per_block: int = 1 << 22
) -> tuple[np.ndarray, np.ndarray]:
    """Returns each vector's cluster, and its cosine to that centroid; ties: the first.

    Args:
        vectors: float[n, dimension].
        centroids: float[k, dimension].
        cosines_per_block: how many cosines are in memory at once; results do not depend on it.

    Returns:
        (int64[n], float64[n]).
    """
    centroids_on_grid = on_grid(centroids)
    clusters, cosines = np.empty(len(vectors), np.int64), np.empty(len(vectors), np.float64)
    step = max(1, cosines_per_block // len(centroids))
    for start in range(0, len(vectors), step):
        chunk = slice(start, start + step)
        clusters[chunk], cosines[chunk] = nearest_of(on_grid(vectors[chunk]), centroids_on_grid)
    return clusters, cosines
