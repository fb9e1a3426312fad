"""CLIP similarity of images and captions, exactly as open_clip computes it; needs `pip install 'babelsift[clip]'`."""

from filters.clip.models import LoadedModel, check_model, load_model, model_digest, model_fingerprint
from filters.clip.scorer import ClipScorer, result_schema

__all__ = [
    "ClipScorer",
    "LoadedModel",
    "check_model",
    "load_model",
    "model_digest",
    "model_fingerprint",
    "result_schema",
]
