"""What a backend loads of a model: towers, transform, tokenizer, and the facts that tell it from others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ModelParts:
    """A loaded model.

    Attributes:
        name: for messages.
        module: a torch module with `encode_image` and `encode_text`.
        preprocess: torchvision's Compose: PIL image -> float32 tensor; the last two steps are ToTensor and Normalize.
        tokenize: list of captions -> int64 tensor [captions, context_length].
        context_length: tokens of a caption.
        precision: fp32, bf16 or fp16.
        facts: JSON values: model, pretrained, architecture, preprocessing, and others that scores depend on.
    """

    name: str
    module: Any
    preprocess: Any
    tokenize: Callable[[list[str]], Any]
    context_length: int
    precision: str
    facts: Mapping[str, Any]
