"""Where CLIP models come from: open_clip, and transformers.

`model_source` resolves the names of open_clip's models, `open_clip_models` loads them. `transformers_models` loads
those of transformers, `processors` prepares images and captions as their processors do. What they load are
`ModelParts`, which `babelsift.filters.clip.models` tries and tells apart.
"""

from babelsift.filters.clip.backends.model_parts import ModelParts

__all__ = ["ModelParts"]
