"""How well semantic duplicates are found on embeddings with planted ones, and what it costs beside all pairs.

    ROWS=50000 python -m benchmarks semantic_dedup

Embeddings of 512 dimensions lie about some hundred topics, as those of a model do; a tenth is planted beside another,
at cosines from 0.96 up. A planted pair counts as found where the one is dropped for the other; whatever else is dropped
is wrong. The peer compares all pairs, faiss' flat index by range, without dropping.
"""

from __future__ import annotations

import os
import time

import faiss
import numpy as np

from babelsift.filters.bytes16 import halves
from babelsift.filters.dedup import (
    cluster_count,
    distinct_vectors,
    embedding_record,
    nearest_centroids,
    semantic_links,
    train_centroids,
)
from benchmarks.harness.outcome import Figure, Outcome

_DIMENSION, _TOPICS, _EPSILON = 512, 300, 0.05
_ROWS = int(os.environ.get("ROWS", "50000"))


def run() -> Outcome:
    """Plants duplicates, drops them, and counts."""
    rows, pair_of = planted(_ROWS)
    started = time.process_time()
    links = dropped(rows)
    ours = time.process_time() - started
    started = time.process_time()
    index = faiss.IndexFlatIP(_DIMENSION)
    vectors = _unit(rows["vector"].astype(np.float32))
    index.add(vectors)
    index.range_search(vectors, 1 - _EPSILON)
    peer = time.process_time() - started
    numbers = [halves(links[name])[1] for name in ("uid", "survivor")]
    found = {frozenset(map(int, pair)) for pair in zip(*numbers, strict=True)}
    right = len(found & pair_of)
    figures = {
        "recall": Figure("of planted pairs", right / len(pair_of), goal=">= 0.99"),
        "precision": Figure("of dropped rows", right / max(1, len(links)), goal=">= 0.99"),
        "cpu": Figure("s", ours, peer, ours / peer),
    }
    return Outcome("semantic_dedup", f"{len(rows)} embeddings, {len(pair_of)} planted pairs, {_topics()}", figures)


def planted(count: int) -> tuple[np.ndarray, set[frozenset[int]]]:
    """Returns rows about topics, shuffled, and the pairs of uids that were planted."""
    random = np.random.default_rng(0)
    copies = count // 10
    topics = random.normal(size=(_TOPICS, _DIMENSION))
    base = topics[random.integers(0, _TOPICS, count - copies)] + random.normal(size=(count - copies, _DIMENSION))
    of = random.choice(len(base), copies, replace=False)
    noise = random.uniform(0.02, 0.28, (copies, 1)) * random.normal(size=(copies, _DIMENSION)) * np.sqrt(2)
    uids = random.permutation(count)
    rows = np.zeros(count, embedding_record(_DIMENSION))
    rows["uid"] = np.array([int(uid).to_bytes(16, "big") for uid in uids], "V16")
    rows["vector"] = _unit(np.concatenate([base, base[of] + noise]))
    pairs = {frozenset((int(uids[one]), int(uids[len(base) + at]))) for at, one in enumerate(of)}
    return rows[np.argsort(uids)], pairs


def dropped(rows: np.ndarray) -> np.ndarray:
    """Returns the links of all clusters, as the stage finds them."""
    centroids = train_centroids(rows["vector"], cluster_count(len(rows), len(rows)), seed=0)
    clusters, rows["priority"] = nearest_centroids(rows["vector"], centroids)
    links = []
    for cluster in np.unique(clusters):
        first, copies = distinct_vectors(rows[clusters == cluster])
        links += [copies, semantic_links(first, _EPSILON)]
    return np.concatenate(links)


def _topics() -> str:
    return f"{_TOPICS} topics, epsilon {_EPSILON:g}"


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
