"""Heads: scores of images from their CLIP embeddings.

embedding_heads  loads a head: layers, texts or clusters; `prompts/` has the lists that ship
clusters         nearest centroids
head_training    logistic regression, without torch
mlp_training     one hidden layer, with torch

Training is imported from its modules.
"""

from babelsift.filters.clip.heads.clusters import ClustersHead
from babelsift.filters.clip.heads.embedding_heads import (
    EmbeddingHead,
    LayersHead,
    PromptsHead,
    head_folder,
    load_head,
    load_head_of_files,
    prompts_fingerprint,
    shipped_prompts,
)

__all__ = [
    "ClustersHead",
    "EmbeddingHead",
    "LayersHead",
    "PromptsHead",
    "head_folder",
    "load_head",
    "load_head_of_files",
    "prompts_fingerprint",
    "shipped_prompts",
]
