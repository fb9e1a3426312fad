"""Encodes captions packed: all tokens of a batch side by side in one row of fixed length, whatever their captions'.

What a transformer does to each token by itself, nine tenths of its work, it does to the packed row. Attention alone
needs captions apart: their tokens are put into a table of captions, each from its first column on, attend causally, and
go back. No sum of a caption's numbers depends on its place then, and all passes have one shape.

    tokens    [a a a b b c c c c . .]          the row, padded to its length
    captions  [a a a . .]                      the table, in which each caption attends to itself
              [b b . . .]
              [c c c c .]

Imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import open_clip
import torch
from open_clip.transformer import ResidualAttentionBlock, TextTransformer
from torch.nn.functional import linear, scaled_dot_product_attention

# Tokens of a pass for each caption of it: web captions have some 15; where a batch has more, it takes another pass.
TOKENS_PER_CAPTION = 24


@dataclass(frozen=True)
class PackedCaptions:
    """Captions of one pass.

    Attributes:
        numbers: int32[3 * tokens + captions * context + captions], one piece of memory: of each place in the row its
            token, its position in the caption and its place in the table; of each place in the table its place in the
            row; of each caption the place in the row whose features become the embedding.
        tokens: places of the row.
        captions: rows of the table.
        context: columns of the table.
        rows: which captions of the batch they are, int64[captions that are none of padding].
    """

    numbers: torch.Tensor
    tokens: int
    captions: int
    context: int
    rows: np.ndarray

    def on(self, move: Callable[[torch.Tensor], torch.Tensor]) -> PackedCaptions:
        """Returns them on a device.

        Args:
            move: copies a tensor there.
        """
        return replace(self, numbers=move(self.numbers))

    def parts(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns (token, position, place in the table) of the row, (place in the row) of the table, ends."""
        table = self.captions * self.context
        return self.numbers.split([self.tokens] * 3 + [table, self.captions])


def pack(tokens: np.ndarray, ends: np.ndarray, *, captions: int, row: int) -> Iterator[PackedCaptions]:
    """Yields the passes of a batch, in the captions' order.

    Args:
        tokens: int64[batch, context].
        ends: int64[batch], the position of the last token that counts.
        captions: of a pass, at the most.
        row: tokens of a pass, >= context.
    """
    lengths = ends + 1
    start = 0
    while start < len(tokens):
        sums = np.cumsum(lengths[start : start + captions])
        count = int(np.searchsorted(sums, row, side="right"))
        yield _pass_of(tokens, np.arange(start, start + count), lengths, captions, row)
        start += count


def _pass_of(tokens: np.ndarray, rows: np.ndarray, lengths: np.ndarray, captions: int, row: int) -> PackedCaptions:
    context, of_rows = tokens.shape[1], lengths[rows]
    counts = np.arange(context) < of_rows[:, None]
    caption, position = np.nonzero(counts)
    used = len(caption)
    along = np.zeros((3, row), np.int32)
    along[0, :used] = tokens[rows][counts]
    along[1, :used] = position
    along[2, :used] = caption * context + position
    table = np.zeros((captions, context), np.int32)
    table[: len(rows)][counts] = np.arange(used)
    ends = np.zeros(captions, np.int32)
    ends[: len(rows)] = np.cumsum(of_rows) - 1
    numbers = np.concatenate([along.reshape(-1), table.reshape(-1), ends])
    return PackedCaptions(torch.from_numpy(numbers), row, captions, context, rows)


class PackedTower:
    """open_clip's own text transformer with a causal mask, over packed captions.

    Args:
        tower: the module that has the embedding of tokens, the transformer and the projection.
    """

    def __init__(self, tower: Any) -> None:
        self._tower = tower

    def __call__(
        self,
        token: torch.Tensor,
        position: torch.Tensor,
        in_table: torch.Tensor,
        in_row: torch.Tensor,
        ends: torch.Tensor,
    ) -> torch.Tensor:
        """Returns float[captions, dimension], not normalized; the arguments are `PackedCaptions.parts`."""
        tower = self._tower
        dtype = tower.transformer.get_cast_dtype()
        features = tower.token_embedding(token).to(dtype)
        features = features + tower.positional_embedding.to(dtype)[position]
        for block in tower.transformer.resblocks:
            attended = _attend(block.attn, block.ln_1(features), in_table, in_row, len(ends))
            features = features + block.ls_1(attended)
            features = features + block.ls_2(block.mlp(block.ln_2(features)))
        pooled = tower.ln_final(features[ends])
        if tower.text_projection is None:
            return pooled
        if isinstance(tower.text_projection, torch.nn.Linear):
            return tower.text_projection(pooled)
        return pooled @ tower.text_projection


def packable(tower: Any) -> bool:
    """Returns whether a causal tower is of the kind whose captions can be packed.

    Args:
        tower: the module that has the embedding of tokens, the transformer and the projection.
    """
    if not isinstance(tower, (open_clip.CLIP, TextTransformer)):
        return False
    transformer = getattr(tower, "transformer", None)
    blocks = list(getattr(transformer, "resblocks", ()))
    if not blocks or any(type(block) is not ResidualAttentionBlock for block in blocks):
        return False
    return all(block.attn.in_proj_weight is not None and block.attn.bias_k is None for block in blocks)


def _attend(
    attention: torch.nn.MultiheadAttention,
    features: torch.Tensor,
    in_table: torch.Tensor,
    in_row: torch.Tensor,
    captions: int,
) -> torch.Tensor:
    """Returns each token's attention to those before it in its caption: [tokens, width]."""
    heads, each = attention.num_heads, attention.head_dim
    joined = linear(features, attention.in_proj_weight, attention.in_proj_bias)[in_row]
    query, key, value = joined.view(captions, -1, 3, heads, each).permute(2, 0, 3, 1, 4)
    attended = scaled_dot_product_attention(query, key, value, is_causal=True)
    flat = attended.transpose(1, 2).reshape(-1, heads * each)
    return attention.out_proj(flat[in_table])
