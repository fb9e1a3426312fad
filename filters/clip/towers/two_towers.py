"""A model of transformers as a module with open_clip's two calls.

Captions are tokens, -1 where an attention mask hides one. Images of a model that takes grids of patches of any aspect
come as strips: the patches below each other, and one more that begins with the bits of the grid's rows and columns, as
`babelsift.filters.clip.backends.processors` makes them. Imports torch.
"""

from __future__ import annotations

from typing import Any

import torch

GRID_BITS = 16


class TwoTowers(torch.nn.Module):
    """A model of transformers, called as open_clip's are.

    Args:
        model: has `get_image_features` and `get_text_features`.
        tokenize: a `ProcessorTokenizer`, whose hidden tokens are -1.

    Attributes:
        padding: -1 where captions can be cut behind the last token that counts; else None.
    """

    def __init__(self, model: Any, tokenize: Any) -> None:
        super().__init__()
        self.model = model
        self._padding_token, self._has_mask = tokenize.padding, tokenize.has_mask
        self._patch = self._strip_patch()
        self.padding = -1 if self._has_mask and self._can_be_cut(tokenize) else None

    def encode_image(self, pixels: torch.Tensor) -> torch.Tensor:
        """Returns float[images, dimension] of float[images, 3, height, width], normalised."""
        if self._patch is None:
            return _pooled(self.model.get_image_features(pixel_values=pixels))
        return _pooled(self.model.get_image_features(**self._patches(pixels, self._patch)))

    def encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
        """Returns float[captions, dimension] of int64[captions, tokens], -1 where one is hidden."""
        if not self._has_mask:
            return _pooled(self.model.get_text_features(input_ids=tokens))
        mask = tokens >= 0
        ids = tokens.masked_fill(~mask, self._padding_token)
        return _pooled(self.model.get_text_features(input_ids=ids, attention_mask=mask.to(torch.int64)))

    def _strip_patch(self) -> int | None:
        """Returns px of a patch of a model that takes grids of any aspect; see `ProcessorCut`."""
        vision: Any = getattr(self.model.config, "vision_config", None)
        return int(vision.patch_size) if hasattr(vision, "num_patches") and not hasattr(vision, "image_size") else None

    @staticmethod
    def _patches(strips: torch.Tensor, patch: int) -> dict[str, torch.Tensor]:
        images, bands, height, _ = strips.shape
        most = height // patch - 1
        bits = strips[:, 0, most * patch :].reshape(images, -1)[:, : 2 * GRID_BITS].unflatten(1, (2, GRID_BITS))
        low, high = bits.amin(dim=(1, 2), keepdim=True), bits.amax(dim=(1, 2), keepdim=True)
        weights = 2 ** torch.arange(GRID_BITS, device=strips.device)
        grid = ((bits > (low + high) / 2) * weights).sum(dim=-1).clamp(min=1)  # a blank strip has one patch
        mask = torch.arange(most, device=strips.device) < grid.prod(dim=1, keepdim=True)
        cells = strips[:, :, : most * patch].reshape(images, bands, most, patch, patch)
        flat = cells.permute(0, 2, 3, 4, 1).reshape(images, most, patch * patch * bands)
        values = flat.masked_fill(~mask[..., None], 0)
        return {"pixel_values": values, "pixel_attention_mask": mask.to(torch.int64), "spatial_shapes": grid}

    def _can_be_cut(self, tokenize: Any) -> bool:
        """Returns whether a caption's embedding is the same without the hidden tokens behind it, as it should be."""
        tokens = tokenize(["a cat on a sofa"])
        last = int((tokens >= 0).nonzero()[:, 1].max()) + 1
        if last == tokens.shape[1]:
            return False
        self.model.eval()
        with torch.inference_mode():
            whole, cut = (self.encode_text(part).float() for part in (tokens, tokens[:, :last]))
        return float(torch.nn.functional.cosine_similarity(whole, cut)) > 0.999


def _pooled(output: Any) -> torch.Tensor:
    """Returns the features, which newer versions of transformers put beside others."""
    return output if isinstance(output, torch.Tensor) else output.pooler_output
