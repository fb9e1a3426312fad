"""Duplicates among embeddings: semantic near-duplicates by clusters (SemDeDup), and matches with another set.

faiss is imported where centroids are trained.
"""

from babelsift.filters.dedup.embeddings.clusters import cluster_count, load_faiss, nearest_centroids, train_centroids
from babelsift.filters.dedup.embeddings.embedding_matches import nearest_match
from babelsift.filters.dedup.embeddings.embedding_records import (
    EARLIER,
    embedding_record,
    pack_embedding_records,
    unpack_embedding_records,
)
from babelsift.filters.dedup.embeddings.semantic_links import SEMANTIC_LINK, distinct_vectors, semantic_links
from babelsift.filters.dedup.embeddings.vectors import exact_cosines, unit_vectors

__all__ = [
    "EARLIER",
    "SEMANTIC_LINK",
    "cluster_count",
    "distinct_vectors",
    "embedding_record",
    "exact_cosines",
    "load_faiss",
    "nearest_centroids",
    "nearest_match",
    "pack_embedding_records",
    "semantic_links",
    "train_centroids",
    "unit_vectors",
    "unpack_embedding_records",
]
