"""Semantic dedup (SemDeDup): images whose CLIP embeddings lie near one another."""

from babelsift.pipelines.stages.dedup.semantic.dedup_semantic import DedupSemantic
from babelsift.pipelines.stages.dedup.semantic.image_vectors import read_vectors

__all__ = ["DedupSemantic", "read_vectors"]
