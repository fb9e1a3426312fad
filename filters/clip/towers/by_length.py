"""Runs both towers on a CPU: captions beside others of their length, as many rows at a time as its memory holds.

Imports torch; `babelsift.filters.clip.encoder` imports this module once a model is loaded.
"""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from open_clip.hf_model import HFTextEncoder
from torch.nn.functional import normalize

from babelsift.filters.clip.towers.compiling import Encode, as_it_is, compile_tower
from babelsift.filters.clip.towers.memory import is_out_of_memory
from babelsift.filters.clip.towers.packed import PackedTower, packable
from babelsift.filters.clip.towers.two_towers import TwoTowers
from babelsift.schemas import ModelError, one_line

_LOG = logging.getLogger(__name__)
# CPU kernels treat the last rows of an odd batch differently, in the last bit. With whole blocks of rows a pair's score
# is the same whichever pairs it is scored with, and so are the bytes of the shards. A caption is many rows, so that a
# smaller block is whole enough; few captions of a batch have the same length.
ROWS_PER_BLOCK = 16
_CAPTIONS_PER_BLOCK = 8
# Captions are encoded with others of about their length, not with the longest of their batch: a caption's last bit
# would depend on its batch.
_TEXT_LENGTHS = (12, 16, 24, 32, 48, 96, 128, 256)
# After a shortage smaller passes are made, so many of them, before a larger is tried again.
_PASSES_UNTIL_MORE = 64


class Towers:
    """A CLIP model's image and text towers on a device.

    Args:
        module: the model, in evaluation mode on `device`.
        rows: the most rows in a pass.
        compiled: through torch.compile.
    """

    def __init__(self, module: Any, device: Any, *, rows: int, compiled: bool = False) -> None:
        self.device = device
        self._wrap: Callable[[Encode], Encode] = compile_tower if compiled else as_it_is
        self._images = self._wrap(module.encode_image)
        self._module = module
        self._text = shortenable_tower(module)
        self._texts: dict[int, Encode] = {}
        self._most_rows = self._rows = whole_blocks(rows)
        self._passes_since_shortage = 0
        self._turns = _Turns()

    @property
    def packed(self) -> PackedTower | None:
        """The text tower for packed captions; None where it is of another kind."""
        if isinstance(self._text, _CausalTower) and packable(self._text.tower):
            return PackedTower(self._text.tower)
        return None

    def last_tokens(self, tokens: torch.Tensor) -> torch.Tensor:
        """Returns the position of the last token that counts of each caption: int64[rows]."""
        return torch.full((len(tokens),), tokens.shape[1] - 1) if self._text is None else self._text.last(tokens)

    def encode_images(self, rows: int, batch: Callable[[torch.Tensor], torch.Tensor]) -> np.ndarray:
        """Returns float32[rows, dimension] of unit length.

        Args:
            rows: images.
            batch: returns the input of rows, given their indices int64[k].

        Raises:
            ModelError: the device's memory does not even hold a block.
        """
        padded = torch.arange(whole_blocks(rows)).clamp(max=rows - 1)
        return self._in_passes(padded, lambda at: self._images(batch(at)))[:rows].cpu().numpy()

    def encode_texts(self, tokens: torch.Tensor) -> np.ndarray:
        """Returns float32[rows, dimension] of unit length; equal captions are encoded once.

        Args:
            tokens: int64[rows, context].

        Raises:
            ModelError: as `encode_images`.
        """
        distinct, indices = distinct_rows(tokens)
        return self.text_embeddings(distinct).cpu().numpy()[indices]

    def text_embeddings(self, tokens: torch.Tensor) -> torch.Tensor:
        """Returns float32[rows, dimension] of unit length on the device; see `encode_texts`."""
        lengths = self._lengths(tokens)
        order, of_lengths = [], []
        for length in np.unique(lengths):
            at = torch.from_numpy(np.flatnonzero(lengths == length))
            padded = at[torch.arange(whole_blocks(len(at), _CAPTIONS_PER_BLOCK)).clamp(max=len(at) - 1)]
            of_lengths.append(self._in_passes(padded, self._text_pass(tokens, int(length)))[: len(at)])
            order.append(at)
        places = torch.empty(len(tokens), dtype=torch.int64)
        places[torch.cat(order)] = torch.arange(len(tokens))
        return torch.cat(of_lengths)[places.to(self.device)]

    def _text_pass(self, tokens: torch.Tensor, length: int) -> Encode:
        """Returns the encoding of captions, given their indices, by their first `length` tokens."""
        encode = self._text_encoder(length)
        return lambda rows: encode(self._moved(tokens[rows, :length]))

    def _moved(self, values: torch.Tensor) -> torch.Tensor:
        return values.to(self.device, non_blocking=True)

    def _lengths(self, tokens: torch.Tensor) -> np.ndarray:
        """Returns the number of tokens of each caption that its embedding can depend on."""
        context = tokens.shape[1]
        if self._text is None:
            return np.full(len(tokens), context)
        choices = np.array([length for length in _TEXT_LENGTHS if length < context] + [context])
        return choices[np.searchsorted(choices, self._text.last(tokens).numpy() + 1)]

    def _text_encoder(self, length: int) -> Encode:
        if length not in self._texts:
            encode = self._module.encode_text if self._text is None else self._text.shortened(length)
            self._texts[length] = self._wrap(encode)
        return self._texts[length]

    def _in_passes(self, rows: torch.Tensor, encode: Encode) -> torch.Tensor:
        """Encodes rows; after a shortage of the device's memory passes have fewer rows for a while."""
        while True:
            tried = min(self._rows_now(), len(rows))
            with self._turns.turn() as has_company:
                try:
                    with torch.inference_mode():
                        passes = [normalize(encode(chunk).float(), dim=-1) for chunk in rows.split(tried)]
                        self._passes_since_shortage += len(passes)
                        return torch.cat(passes)
                except RuntimeError as error:
                    if not is_out_of_memory(error):
                        raise
                    message, is_shared = one_line(error), has_company()
            if is_shared:
                self._turns.take_turns()
                _LOG.warning("%s is out of memory with two batches at once; going on with one", self.device)
                continue
            if tried <= ROWS_PER_BLOCK:
                raise ModelError(
                    f"{self.device} is out of memory with {tried} pairs at once, the fewest that are tried; "
                    f"free memory there or choose a smaller model: {message}"
                )
            # Another thread may have found less memory meanwhile.
            self._rows, self._passes_since_shortage = min(self._rows, whole_blocks(tried // 2)), 0
            _LOG.warning("%s is out of memory with %d pairs at once; going on with %d", self.device, tried, self._rows)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    def _rows_now(self) -> int:
        """The rows of a pass: twice as many once so many smaller passes found the memory they need."""
        if self._rows < self._most_rows and self._passes_since_shortage >= _PASSES_UNTIL_MORE:
            self._rows, self._passes_since_shortage = min(self._most_rows, whole_blocks(self._rows * 2)), 0
        return self._rows


class _Turns:
    """Threads at a device: side by side, until that is too much for its memory, then one after the other."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._busy = 0
        self._is_single = False

    @contextmanager
    def turn(self) -> Iterator[Callable[[], bool]]:
        """Waits for the device where it has to; yields a function that tells whether another thread shares it."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._is_single and self._busy))
            before = self._busy
            self._busy += 1
        try:
            yield lambda: before > 0 or self._busy > 1
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def take_turns(self) -> None:
        """Lets a single thread be at the device from now on."""
        self._is_single = True


def distinct_rows(tokens: torch.Tensor) -> tuple[torch.Tensor, list[int]]:
    """Returns the distinct rows in the order in which they come first, and the index of each row among them."""
    first: dict[bytes, int] = {}
    indices = [first.setdefault(row.tobytes(), len(first)) for row in tokens.numpy()]
    return tokens[torch.from_numpy(np.unique(np.array(indices), return_index=True)[1])], indices


def whole_blocks(rows: int, block: int = ROWS_PER_BLOCK) -> int:
    """Returns the number of rows, rounded up to whole blocks.

    Args:
        rows: how many there are.
        block: rows of a block.
    """
    return -(-rows // block) * block


class _CausalTower:
    """open_clip's own text transformer with a causal mask: nothing after the pooled token counts."""

    def __init__(self, tower: Any, encode: str, pool_type: str, end: int) -> None:
        self.tower = tower
        self._encode = encode
        self._pool_type = pool_type
        self._end = end

    def last(self, tokens: torch.Tensor) -> torch.Tensor:
        """Returns the position of the last token that counts, whose features become the embedding: int64[rows]."""
        if self._pool_type == "argmax":
            return tokens.argmax(dim=-1)
        return tokens.eq(self._end).int().argmax(dim=-1)

    def shortened(self, length: int) -> Encode:
        """Returns the tower's encoding of captions of that many tokens; weights are shared."""
        positions = torch.nn.Parameter(self.tower.positional_embedding[:length], requires_grad=False)
        mask = self.tower.attn_mask[:length, :length]
        tower = _with_tensors(self.tower, positional_embedding=positions, attn_mask=mask)
        return getattr(tower, self._encode)


def _with_tensors(module: Any, **tensors: torch.Tensor) -> Any:
    """Returns a module with some of its parameters and buffers replaced, which shares all others."""
    changed = copy.copy(module)
    for kept in ("_parameters", "_buffers"):  # set as attributes, they would change in the original, too
        own = vars(module)[kept]
        vars(changed)[kept] = {**own, **{name: tensor for name, tensor in tensors.items() if name in own}}
    return changed


class _MaskedTower:
    """A Hugging Face text encoder, which is told where a caption's padding is: nothing of it counts."""

    def __init__(self, module: Any, padding: int) -> None:
        self._module = module
        self._padding = padding

    def last(self, tokens: torch.Tensor) -> torch.Tensor:
        """Returns the position of the last token that counts: int64[rows]."""
        return ((tokens != self._padding) * torch.arange(tokens.shape[1])).max(dim=-1).values

    def shortened(self, length: int) -> Encode:
        """Returns the encoding of captions of that many tokens, which is that of all."""
        return self._module.encode_text


def shortenable_tower(module: Any) -> _CausalTower | _MaskedTower | None:
    """Returns the text tower where captions can be shortened exactly, else None: other towers see the padding.

    Args:
        module: a model of open_clip.
    """
    if isinstance(module, TwoTowers):
        return None if module.padding is None else _MaskedTower(module, module.padding)
    custom = getattr(module, "text", None)
    if isinstance(custom, HFTextEncoder):
        padding = getattr(custom.config, "pad_token_id", None)
        return None if padding is None or custom.output_tokens else _MaskedTower(module, padding)
    if hasattr(module, "text_pool_type"):
        tower, encode = module, "encode_text"
        pool_type, end = module.text_pool_type, getattr(module, "text_eos_id", None)
    else:
        tower, encode = custom, "forward"
        pool_type, end = getattr(custom, "pool_type", None), getattr(custom, "eos_id", None)
        if getattr(custom, "cls_emb", None) is not None or getattr(custom, "output_tokens", False):
            return None
    has_end = pool_type == "argmax" or (pool_type == "eos" and end is not None)
    if not isinstance(getattr(tower, "attn_mask", None), torch.Tensor) or not has_end:
        return None
    return _CausalTower(tower, encode, pool_type, -1 if end is None else end)
