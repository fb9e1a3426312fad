"""Duplicates among embeddings: semantic near-duplicates by clusters (SemDeDup), and matches with another set.

faiss is imported where centroids are trained.
"""

from babelsift.filters.dedup.embeddings.clusters import (
    cell_count,
    cluster_count,
    load_faiss,
    nearest_centroids,
    train_centroids,
)
from babelsift.filters.dedup.embeddings.embedding_matches import nearest_match
from babelsift.filters.dedup.embeddings.embedding_records import (
    EARLIER,
    embedding_record,
    pack_embedding_records,
    unpack_embedding_records,
)
from babelsift.filters.dedup.embeddings.semantic_links import SEMANTIC_LINK, distinct_vectors, semantic_links
from babelsift.filters.dedup.embeddings.vectors import (
    cosines_on_grid,
    exact_cosines,
    nearest_of,
    on_grid,
    pairs_above,
    unit_vectors,
)

__all__ = [
    "EARLIER",
    "SEMANTIC_LINK",
    "cell_count",
    "cluster_count",
    "cosines_on_grid",
    "distinct_vectors",
    "embedding_record",
    "exact_cosines",
    "load_faiss",
    "nearest_centroids",
    "nearest_match",
    "nearest_of",
    "on_grid",
    "pack_embedding_records",
    "pairs_above",
    "semantic_links",
    "train_centroids",
    "unit_vectors",
    "unpack_embedding_records",
]
