"""Semantic near-duplicates among embeddings: spherical k-means, then cosines within each cluster.

Source: SemDeDup, https://arxiv.org/abs/2303.09540, and its code: within a cluster, in order of distance to the
centroid, an item goes if any item before it, gone or not, has a cosine above 1 - epsilon.

Cosines are sums of products of whole numbers below 2^53, so that float64 holds each exactly: they are the same whatever
the batches, the blocks, the threads or the processor. Where vectors lie is what training alone leaves to faiss, on one
thread.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

from babelsift.filters.bytes16 import halves
from babelsift.schemas import ModelError

# survivor: who stays in the place of uid. cosine: of the two; below 1 - epsilon where others lie between them.
# is_earlier: whether the survivor is an earlier run's.
SEMANTIC_LINK = np.dtype([("uid", "V16"), ("survivor", "V16"), ("cosine", "<f4"), ("is_earlier", "?")])
EARLIER = -np.inf  # the priority of an earlier run's rows: they stay, whatever lies near them

_GRID = float(1 << 24)
_BLOCK_ROWS = 1024
_SCORES_AT_ONCE = 1 << 22
_TRAINING_ROUNDS = 20
_ROWS_A_CLUSTER = 1000
_SAMPLES_A_CLUSTER = 40  # fewer, and faiss warns that centroids are not well placed


def embedded(dimension: int) -> np.dtype:
    """Returns the type of a row with its vector: uid, priority (the lowest is first to stay), float16[dimension]."""
    return np.dtype([("uid", "V16"), ("priority", "<f8"), ("vector", "<f2", (dimension,))])


def pack_embedded(rows: np.ndarray) -> bytes:
    """Returns `embedded` rows as bytes that say their own dimension."""
    return rows.dtype["vector"].shape[0].to_bytes(4, "little") + rows.tobytes()


def unpack_embedded(packed: bytes) -> np.ndarray:
    """Returns the rows that `pack_embedded` packed."""
    return np.frombuffer(packed, embedded(int.from_bytes(packed[:4], "little")), offset=4)


def cluster_count(rows: int, sampled: int) -> int:
    """Returns how many clusters a table gets where no number is asked for: of a thousand rows, as the sample allows."""
    return max(1, min(rows // _ROWS_A_CLUSTER, sampled // _SAMPLES_A_CLUSTER))


def load_faiss() -> ModuleType:
    """Returns the module.

    Raises:
        ModelError: it is not installed.
    """
    try:
        import faiss
    except ImportError as error:
        raise ModelError("dedup_semantic needs faiss; pip install 'babelsift[semantic]'") from error
    return faiss


def train_centroids(sample: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """Returns the centroids of spherical k-means, float32[at most clusters, dimension], of length 1.

    Args:
        sample: float16 or float32[n, dimension], n >= 1, in an order of its own: other orders, other centroids.

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


def nearest_centroids(vectors: np.ndarray, centroids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns each vector's cluster, int64[n], and its cosine to that centroid, float64[n]; ties: the first."""
    of_centroids = _on_grid(centroids)
    clusters, cosines = np.empty(len(vectors), np.int64), np.empty(len(vectors), np.float64)
    step = max(1, _SCORES_AT_ONCE // len(centroids))
    for start in range(0, len(vectors), step):
        scores = _on_grid(vectors[start : start + step]) @ of_centroids.T
        nearest = scores.argmax(axis=1)
        clusters[start : start + step] = nearest
        cosines[start : start + step] = scores[np.arange(len(scores)), nearest] / _GRID**2
    return clusters, cosines


def distinct_vectors(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Folds rows of equal vectors into the first of them: no later one could change the fate of any other.

    Args:
        rows: `embedded`, in any order.

    Returns:
        (the first of each vector in order of priority and uid, SEMANTIC_LINK of each other but EARLIER to it).
    """
    rows = rows[np.lexsort((*halves(rows["uid"])[::-1], rows["priority"]))]
    vectors = np.ascontiguousarray(rows["vector"])
    _, first, inverse = np.unique(
        vectors.view(np.dtype((np.void, vectors.strides[0]))).reshape(-1), return_index=True, return_inverse=True
    )
    leader = first[inverse.reshape(-1)]
    copies = np.flatnonzero((leader != np.arange(len(rows))) & (rows["priority"] != EARLIER))
    return rows[np.sort(first)], _links(rows, copies, leader[copies], np.ones(len(copies)))


def semantic_links(rows: np.ndarray, epsilon: float) -> np.ndarray:
    """Returns who goes in one cluster, and who stays in their place.

    The survivor is the nearest that stays; where only rows that go are near, the survivor of the nearest of those.
    Memory: a block of cosines, beside the rows.

    Args:
        rows: `embedded`, no vector twice, in order of priority and uid.

    Returns:
        SEMANTIC_LINK, in the order of the rows.
    """
    survivor = np.arange(len(rows))
    cosines = np.ones(len(rows))
    earlier = np.count_nonzero(rows["priority"] == EARLIER)
    for start in range(earlier, len(rows), _BLOCK_ROWS):
        block = _on_grid(rows["vector"][start : start + _BLOCK_ROWS])
        nearest, staying = (_Nearest(len(block)) for _ in range(2))
        for other in range(0, start, _BLOCK_ROWS):
            found = block @ _on_grid(rows["vector"][other : min(other + _BLOCK_ROWS, start)]).T / _GRID**2
            places = np.arange(other, other + found.shape[1])
            nearest.look(found, places)
            staying.look(found, places[survivor[places] == places], places)
        within = block @ block.T / _GRID**2
        within[np.triu_indices(len(block))] = -np.inf
        places = np.arange(start, start + len(block))
        nearest.look(within, places)
        goes = nearest.cosine > 1 - epsilon
        staying.look(within, places[~goes], places)
        for row in np.flatnonzero(goes):
            place, between = start + row, staying.cosine[row] <= 1 - epsilon
            survivor[place] = survivor[nearest.place[row]] if between else staying.place[row]
            cosines[place] = staying.cosine[row]
            if between:
                pair = rows["vector"][[place, survivor[place]]]
                cosines[place] = exact_cosines(pair[:1], pair[1:])[0]
    gone = np.flatnonzero(survivor != np.arange(len(rows)))
    return _links(rows, gone, survivor[gone], cosines[gone])


def _links(rows: np.ndarray, gone: np.ndarray, survivors: np.ndarray, cosines: np.ndarray) -> np.ndarray:
    links = np.empty(len(gone), SEMANTIC_LINK)
    links["uid"], links["survivor"], links["cosine"] = rows["uid"][gone], rows["uid"][survivors], cosines
    links["is_earlier"] = rows["priority"][survivors] == EARLIER
    return links


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Returns the vectors at length 1, float64; zeros where one has no direction."""
    wide = np.nan_to_num(np.ascontiguousarray(vectors, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    lengths = np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    return np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0)


def exact_cosines(vectors: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns the cosine of each vector with the other of its row, float64[n]."""
    return (_on_grid(vectors) * _on_grid(others)).sum(axis=1) / _GRID**2


class _Nearest:
    """The nearest that each row of a block has met, and where it is; ties: the first."""

    def __init__(self, rows: int) -> None:
        self.cosine = np.full(rows, -np.inf)
        self.place = np.full(rows, -1)

    def look(self, cosines: np.ndarray, places: np.ndarray, columns: np.ndarray | None = None) -> None:
        """Looks at some places; columns: the places of the columns, where they are more than those."""
        if columns is not None:
            cosines = cosines[:, places - columns[0]]
        if not len(places):
            return
        column = cosines.argmax(axis=1)
        best = cosines[np.arange(len(cosines)), column]
        nearer = best > self.cosine
        self.cosine[nearer], self.place[nearer] = best[nearer], places[column[nearer]]


def _on_grid(vectors: np.ndarray) -> np.ndarray:
    return np.rint(unit_vectors(vectors) * _GRID)
