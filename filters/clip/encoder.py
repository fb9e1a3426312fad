"""Encodes bytes and captions to embeddings: decodes beside the model, runs both towers, keeps a row's error with it.

Imports torch; `babelsift.filters.clip.scorer` imports this module once a model is loaded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torchvision.transforms import Compose, Normalize

from babelsift.filters.clip.decoders import DecodedImages, Decoders, DecoderThreads
from babelsift.filters.clip.models import LoadedModel
from babelsift.filters.clip.pair_batches import image_of_each
from babelsift.filters.clip.pixels.device_resize import ResizeBatch, WholeImages, geometry_of
from babelsift.filters.clip.pixels.geometry import Geometry
from babelsift.filters.clip.residuals import input_dtype
from babelsift.filters.clip.towers import FixedTowers, Towers
from babelsift.filters.clip.towers.streams import pin_once
from babelsift.schemas import ModelError, one_line

# No token of open_clip's vocabularies is longer. More text per token of context cannot change a score, but byte-pair
# encoding takes quadratic time over a long run of letters.
_CHARACTERS_PER_TOKEN = 40

Embeddings = tuple[np.ndarray, np.ndarray]


@dataclass
class PreparedBatch:
    """Pairs, decoded and tokenized; an image that pairs side by side have in common is there once.

    Attributes:
        errors: for each pair None, or "image: ..." or "caption: ...".
        pixels: the images of the pairs without an error: uint8[images, height, width, 3], or whole images that the
            device resizes.
        tokens: int64[good, context] of these pairs.
        image_of: intp[good], the index of each of these pairs' image in `pixels`.
        release: gives the memory in which the pixels lie back to the decoders; may be called several times.
    """

    errors: list[str | None]
    pixels: torch.Tensor | ResizeBatch
    tokens: torch.Tensor
    image_of: np.ndarray
    release: Callable[[], None] = lambda: None


class PairEncoder:
    """Prepares pairs on any thread, and embeds prepared batches on one of the model's devices.

    Args:
        model: loaded.
        rows: the most images, and the most texts, in a pass through the model.
        has_fixed_shapes: whether passes have one shape, and the model's device resizes images; null: if it is a GPU. A
            transform that a device cannot stand in for is done on the CPU all the same.
        decoders: of images; None: threads of this process, as many as there are cores.
    """

    def __init__(
        self,
        model: LoadedModel,
        *,
        rows: int,
        has_fixed_shapes: bool | None = None,
        decoders: Decoders | None = None,
    ) -> None:
        self._model = model
        self._rows = rows
        steps, self._mean, self._std = _split_transform(model.preprocess)
        self._steps, self._geometry = steps, geometry_of(steps)
        self._is_fixed = model.device.type == "cuda" if has_fixed_shapes is None else has_fixed_shapes
        self._input_dtype = input_dtype(model.module, model.precision)
        self._decoders: Any = DecoderThreads() if decoders is None or self._geometry is None else decoders
        self._lock = threading.Lock()
        self._first = self._made(model.module, model.device)
        self._towers: list[Towers | FixedTowers] = []

    @property
    def devices(self) -> list[Any]:
        """The devices that can embed at the same time; the model is copied there when this is first asked."""
        return [towers.device for towers in self._all_towers()]

    def prepare(self, pairs: Sequence[tuple[bytes | None, str | None]]) -> PreparedBatch:
        """Returns the pairs decoded by the decoders and tokenized meanwhile by this thread."""
        transform = self._steps if self._geometry is None else self._geometry
        image_of = image_of_each([image for image, _ in pairs])
        distinct = [pairs[row][0] for row in np.unique(np.array(image_of), return_index=True)[1]]
        coming = self._decoders.decode(distinct, transform, leave_whole=self._is_fixed)
        texts = self._tokenize([caption for _, caption in pairs])
        images = coming.result()
        errors: list[str | None] = []
        good: list[int] = []
        tokens: list[torch.Tensor] = []
        for number, text in zip(image_of, texts, strict=True):
            image = images.pixels[number]
            if isinstance(image, str) or isinstance(text, str):
                errors.append(image if isinstance(image, str) else str(text))
                continue
            errors.append(None)
            good.append(number)
            tokens.append(text)
        wanted, of_good = np.unique(np.array(good, dtype=np.intp), return_inverse=True)
        return PreparedBatch(
            errors=errors,
            pixels=self._together(images, wanted.tolist()) if good else torch.empty(0, dtype=torch.uint8),
            tokens=torch.stack(tokens) if tokens else torch.empty(0, dtype=torch.int64),
            image_of=of_good,
            release=images.release,
        )

    def embed(self, batch: PreparedBatch, device: int = 0) -> Callable[[], Embeddings]:
        """Begins to embed the good pairs; returns what waits for float32[good, dimension] each, of unit length.

        The batch's memory is released when it is not needed any more.

        Args:
            batch: as `prepare` returns it.
            device: its index in `devices`.

        Raises:
            ModelError: by this or what it returns: the device's memory is too small for a few pairs.
        """
        if not len(batch.pixels):
            batch.release()
            nothing = np.empty((0, self._model.dimension), np.float32)
            return lambda: (nothing, nothing)
        towers = self._all_towers()[device]
        if isinstance(towers, FixedTowers):
            assert isinstance(batch.pixels, ResizeBatch)  # `prepare` makes them
            wait = towers.embed(batch.pixels, batch.tokens, batch.release)
            return lambda: _a_row_a_pair(wait(), batch.image_of)
        try:
            pixels = batch.pixels
            assert isinstance(pixels, torch.Tensor)  # `prepare` makes them
            image = towers.encode_images(len(pixels), lambda at: self._normalized(rows_at(pixels, at), towers.device))
        finally:
            batch.release()
        text = towers.encode_texts(batch.tokens)
        return lambda: _a_row_a_pair((image, text), batch.image_of)

    def embed_texts(self, texts: list[str]) -> np.ndarray:
        """Returns float32[texts, dimension] of unit length."""
        return self._first.encode_texts(self._model.tokenize(texts))

    def _all_towers(self) -> list[Towers | FixedTowers]:
        with self._lock:
            if not self._towers:
                self._towers = [
                    self._first if module is self._model.module else self._made(module, device)
                    for module, device in self._model.replicas()
                ]
            return self._towers

    def _made(self, module: Any, device: Any) -> Towers | FixedTowers:
        if not self._is_fixed:
            return Towers(module, device, rows=self._rows, compiled=self._model.compiled)
        scale = _Scale(self._mean, self._std, device, self._input_dtype)
        return FixedTowers(module, device, rows=self._rows, prepare=scale, compiled=self._model.compiled)

    def _together(self, images: DecodedImages, good: Sequence[int]) -> torch.Tensor | ResizeBatch:
        if not self._is_fixed:
            return torch.from_numpy(images.stacked(good))
        if images.memory is not None and self._model.device.type == "cuda":
            pin_once(images.memory)
        values, starts = images.in_one_piece(good)
        sizes = tuple(images.size(row) for row in good)
        geometry = self._geometry or Geometry(*sizes[0], "squash")  # they are cut out already
        return ResizeBatch.of(WholeImages(torch.from_numpy(values), starts, sizes), geometry)

    def _normalized(self, pixels: torch.Tensor, device: Any) -> torch.Tensor:
        scale = _Scale(self._mean, self._std, device, self._input_dtype)
        return scale(pixels.to(device).permute(0, 3, 1, 2).contiguous())

    def _tokenize(self, captions: list[str | None]) -> list[torch.Tensor | str]:
        limit = self._model.context_length * _CHARACTERS_PER_TOKEN
        texts = [_shortened(caption, limit) if isinstance(caption, str) else caption for caption in captions]
        good = {row: text for row, text in enumerate(texts) if isinstance(text, str) and text.strip()}
        outcome: list[torch.Tensor | str] = [_no_caption(text) for text in texts]
        try:
            tokens = self._model.tokenize(list(good.values())) if good else ()
        except (UnicodeError, ValueError, TypeError):
            tokens = [self._tokenize_single(text) for text in good.values()]
        for row, of_row in zip(good, tokens, strict=True):
            outcome[row] = of_row
        return outcome

    def _tokenize_single(self, text: str) -> torch.Tensor | str:
        try:
            return self._model.tokenize([text])[0]
        except (UnicodeError, ValueError, TypeError) as error:
            return f"caption: {one_line(error, 120)}"


class _Scale:
    """The end of open_clip's transform, operation for operation, on a batch and on a device."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], device: Any, dtype: torch.dtype) -> None:
        self._mean, self._std = (
            torch.as_tensor(values, dtype=torch.float32, device=device).view(-1, 1, 1) for values in (mean, std)
        )
        self._dtype = dtype

    def __call__(self, levels: torch.Tensor) -> torch.Tensor:
        """Returns what the image tower takes of uint8[images, 3, height, width]."""
        return levels.to(torch.float32).div_(255).sub_(self._mean).div_(self._std).to(self._dtype)


def rows_at(pixels: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Returns the images at ascending indices; neighbours as a view."""
    first, end = int(indices[0]), int(indices[-1]) + 1
    return pixels[first:end] if end - first == len(indices) else pixels[indices]


def _a_row_a_pair(embeddings: Embeddings, image_of: np.ndarray) -> Embeddings:
    """Returns embeddings of images and of texts as those of pairs."""
    image, text = embeddings
    return image[image_of], text


def _split_transform(preprocess: Compose) -> tuple[Compose, Sequence[float], Sequence[float]]:
    """Splits open_clip's transform into its work on the image and the mean and deviation it ends with."""
    *geometry, to_tensor, last = preprocess.transforms
    if "ToTensor" not in type(to_tensor).__name__ or not isinstance(last, Normalize):
        raise ModelError(f"this open_clip prepares images in an unknown way ({preprocess}); install open-clip-torch 3")
    return Compose(geometry), last.mean, last.std


def _no_caption(caption: object) -> str:
    if caption is None:
        return "caption: missing"
    return "caption: empty" if isinstance(caption, str) else "caption: not text"


def _shortened(caption: str, limit: int) -> str:
    if len(caption) <= limit:
        return caption
    return " ".join(caption[: 10 * limit].split())[:limit]
