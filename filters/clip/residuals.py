"""Keeps the sums of a bf16 or fp16 model in fp32: a little of its arithmetic, most of its error.

open_clip rounds the sum that goes through a transformer, its residual stream, to 8 bits in bf16 after each layer, and
images and projections too. With those in fp32 and all large multiplications still in bf16, the similarities of ViT-B-32
are about half as far from those of fp32.

Imports torch; `babelsift.filters.clip.models` imports this module when a model is loaded.
"""

from __future__ import annotations

from typing import Any

import open_clip
import torch
from open_clip.hf_model import HFTextEncoder
from open_clip.transformer import ResidualAttentionBlock, TextTransformer, Transformer, VisionTransformer


def widen_residuals(module: Any) -> list[str]:
    """Lets a model of low precision add up in fp32; returns which towers do so, of "image" and "text".

    Changes open_clip's own transformers, and Hugging Face's text encoders, which open_clip leaves half converted and
    which fail as they are; leaves every other tower as it is.
    """
    if type(module) not in (open_clip.CLIP, open_clip.CustomTextCLIP):
        return []
    widened = []
    vision, text = module.visual, module if type(module) is open_clip.CLIP else module.text
    if type(vision) is VisionTransformer and vision.attn_pool is None and _widen(vision.transformer):
        vision.conv1.float()
        _float(vision, "proj")
        widened.append("image")
    known = type(text) in (open_clip.CLIP, TextTransformer) and not getattr(text, "output_tokens", False)
    if known and _widen(text.transformer):
        # by which the tower chooses the type of its embeddings
        text.transformer.get_cast_dtype = _float32
        _float(text, "text_projection")
        widened.append("text")
    if type(text) is HFTextEncoder:
        dtypes = {layer.weight.dtype for layer in text.modules() if isinstance(layer, torch.nn.Linear)}
        if len(dtypes) == 1 and torch.float32 not in dtypes:
            text.__class__ = _MixedTextEncoder
            text.narrow = dtypes.pop()
            widened.append("text")
    return widened


class _MixedTextEncoder(HFTextEncoder):
    """A text encoder whose layers compute in the type of their weights, and whose sums are in fp32."""

    narrow: torch.dtype

    def forward(self, x: torch.Tensor) -> Any:
        """Returns the embeddings as open_clip's encoder does."""
        with torch.autocast(x.device.type, dtype=self.narrow):
            return super().forward(x)


def input_dtype(module: Any, precision: str) -> torch.dtype:
    """Returns the type of the pixels that a model takes."""
    first = getattr(getattr(module, "visual", None), "conv1", None)
    if isinstance(first, torch.nn.Conv2d):
        return first.weight.dtype
    return open_clip.get_input_dtype(precision) or torch.float32


def _widen(transformer: Transformer) -> bool:
    """Lets the layers of a transformer take and give fp32, where they are of the kind known here."""
    blocks = list(transformer.resblocks)
    dtypes = {block.mlp.c_fc.weight.dtype for block in blocks if type(block) is ResidualAttentionBlock}
    if any(type(block) is not ResidualAttentionBlock for block in blocks) or dtypes & {torch.float32}:
        return False
    for block in blocks:
        for norm in (block.ln_1, block.ln_2):
            norm.register_forward_hook(_to_bf16 if dtypes == {torch.bfloat16} else _to_fp16)
    return True


def _float(owner: Any, name: str) -> None:
    """Makes a projection fp32, be it a weight, a layer or None."""
    projection = getattr(owner, name)
    if isinstance(projection, torch.nn.Parameter):
        projection.data = projection.data.float()
    elif projection is not None:
        projection.float()


def _to_bf16(norm: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
    return output.to(torch.bfloat16)


def _to_fp16(norm: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
    return output.to(torch.float16)


def _float32() -> torch.dtype:
    return torch.float32
