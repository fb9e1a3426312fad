"""CLIP similarity of images and captions, exactly as open_clip computes it; needs `pip install 'babelsift[clip]'`.

Beside it: heads on the embeddings, and an NSFW classifier of its own (`babelsift[safety]`).
"""

from babelsift.filters.clip.heads import (
    EmbeddingHead,
    LayersHead,
    head_folder,
    load_head,
    load_head_of_files,
    prompts_fingerprint,
    shipped_prompts,
)
from babelsift.filters.clip.models import LoadedModel, check_model, load_model, model_digest, model_fingerprint
from babelsift.filters.clip.safety import NsfwClassifier
from babelsift.filters.clip.scorer import ClipScorer, result_schema

__all__ = [
    "ClipScorer",
    "EmbeddingHead",
    "LayersHead",
    "LoadedModel",
    "NsfwClassifier",
    "check_model",
    "head_folder",
    "load_head",
    "load_head_of_files",
    "load_model",
    "model_digest",
    "model_fingerprint",
    "prompts_fingerprint",
    "result_schema",
    "shipped_prompts",
]
