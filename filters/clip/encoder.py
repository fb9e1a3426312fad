"""Encodes bytes and captions to embeddings: decodes beside the model, runs both towers, keeps a row's error with it.

Imports torch; `babelsift.filters.clip.scorer` imports this module once a model is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import Compose, Normalize

from babelsift.filters.clip.device_resize import DeviceResize, WholeImages
from babelsift.filters.clip.images import read_image
from babelsift.filters.clip.models import LoadedModel
from babelsift.filters.clip.residuals import input_dtype
from babelsift.filters.clip.towers import Towers
from babelsift.schemas import ModelError, one_line

# No token of open_clip's vocabularies is longer. More text per token of context cannot change a score, but byte-pair
# encoding takes quadratic time over a long run of letters.
_CHARACTERS_PER_TOKEN = 40
_MAX_WHOLE_PIXELS = 640 * 640


@dataclass
class PreparedBatch:
    """Up to a batch of pairs, decoded and tokenized.

    Attributes:
        errors: for each pair None, or "image: ..." or "caption: ...".
        pixels: of the pairs without an error: uint8[good, height, width, 3], or whole images that the device resizes.
        tokens: int64[good, context] of theirs.
    """

    errors: list[str | None]
    pixels: torch.Tensor | WholeImages
    tokens: torch.Tensor


class PairEncoder:
    """Prepares pairs on any thread, and embeds prepared batches on one of the model's devices.

    Args:
        model: loaded.
        rows: the most pairs in a pass through the model.
        resizes_on_device: whether the model's device resizes images; null: if it is a GPU. A transform that it cannot
            stand in for is done on the CPU all the same.
    """

    def __init__(self, model: LoadedModel, *, rows: int, resizes_on_device: bool | None = None) -> None:
        self._model = model
        self._geometry, mean, std = _split_transform(model.preprocess)
        on_device = model.device.type == "cuda" if resizes_on_device is None else resizes_on_device
        self._resize = DeviceResize.of(self._geometry) if on_device else None
        self._input_dtype = input_dtype(model.module, model.precision)
        self._pinned = model.device.type == "cuda"
        self._towers = [
            Towers(module, device, rows=rows, compiled=model.compiled) for module, device in model.replicas()
        ]
        self._mean, self._std = (
            [torch.as_tensor(values, dtype=torch.float32, device=tower.device).view(-1, 1, 1) for tower in self._towers]
            for values in (mean, std)
        )

    @property
    def devices(self) -> list[Any]:
        """The devices that can embed at the same time."""
        return [towers.device for towers in self._towers]

    def prepare(self, pairs: Sequence[tuple[bytes | None, str | None]], decoders: Executor) -> PreparedBatch:
        """Returns the pairs decoded by `decoders` and tokenized meanwhile by this thread."""
        decode = partial(_decode, geometry=self._geometry, is_whole=self._resize is not None)
        images = decoders.map(decode, [image for image, _ in pairs])
        texts = self._tokenize([caption for _, caption in pairs])
        errors: list[str | None] = []
        pixels: list[np.ndarray] = []
        tokens: list[torch.Tensor] = []
        for image, text in zip(images, texts, strict=True):
            if isinstance(image, str) or isinstance(text, str):
                errors.append(image if isinstance(image, str) else str(text))
                continue
            errors.append(None)
            pixels.append(image)
            tokens.append(text)
        together = self._together(pixels) if pixels else torch.empty(0, dtype=torch.uint8)
        return PreparedBatch(
            errors=errors,
            pixels=together.pin_memory() if self._pinned and pixels else together,
            tokens=torch.stack(tokens) if tokens else torch.empty(0, dtype=torch.int64),
        )

    def embed(self, batch: PreparedBatch, device: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Returns the image and text embeddings of the good pairs: float32[good, dimension] each, of unit length.

        Args:
            device: its index in `devices`.

        Raises:
            ModelError: the device's memory is too small for a few pairs.
        """
        rows = len(batch.pixels)
        if not rows:
            return (np.empty((0, self._model.dimension), np.float32),) * 2
        towers = self._towers[device]
        image = towers.encode_images(rows, lambda at: self._normalized(rows_at(batch.pixels, at), device))
        return image, towers.encode_texts(batch.tokens)

    def embed_texts(self, texts: list[str]) -> np.ndarray:
        """Returns float32[texts, dimension] of unit length."""
        return self._towers[0].encode_texts(self._model.tokenize(texts))

    def _together(self, pixels: list[np.ndarray]) -> torch.Tensor | WholeImages:
        if self._resize is None:
            return torch.from_numpy(np.stack(pixels))
        return WholeImages.of([torch.from_numpy(image) for image in pixels])

    def _normalized(self, pixels: torch.Tensor | WholeImages, device: int) -> torch.Tensor:
        """The end of open_clip's transform, operation for operation, on a batch and on the model's device."""
        target = self._towers[device].device
        if isinstance(pixels, WholeImages):
            assert self._resize is not None  # it made them
            values = self._resize(pixels, target)
        else:
            values = pixels.to(target, non_blocking=True).permute(0, 3, 1, 2).contiguous().to(torch.float32)
        values = values.div_(255)
        return values.sub_(self._mean[device]).div_(self._std[device]).to(self._input_dtype)

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


def rows_at(pixels: torch.Tensor | WholeImages, indices: torch.Tensor) -> torch.Tensor | WholeImages:
    """Returns the images at ascending indices; neighbours as a view, since a copy would not lie in pinned memory."""
    first, end = int(indices[0]), int(indices[-1]) + 1
    if isinstance(pixels, torch.Tensor) and end - first == len(indices):
        return pixels[first:end]
    return pixels[indices]


def _split_transform(preprocess: Compose) -> tuple[Compose, Sequence[float], Sequence[float]]:
    """Splits open_clip's transform into its work on the image and the mean and deviation it ends with."""
    *geometry, to_tensor, last = preprocess.transforms
    if "ToTensor" not in type(to_tensor).__name__ or not isinstance(last, Normalize):
        raise ModelError(f"this open_clip prepares images in an unknown way ({preprocess}); install open-clip-torch 3")
    return Compose(geometry), last.mean, last.std


def _decode(data: bytes | None, geometry: Any, *, is_whole: bool) -> np.ndarray | str:
    """Returns uint8[height, width, 3] as the model's transform cuts it, or the image's fault as text.

    Args:
        is_whole: leave the geometry to the device, but for large images, which would fill memory by the batch, and for
            images whose colours are not resized channel by channel.
    """
    size = getattr(geometry.transforms[0], "size", 0)
    side = max(size) if isinstance(size, (tuple, list)) else size

    def pixels_of(image: Image.Image) -> np.ndarray:
        is_left = is_whole and image.mode in ("RGB", "L") and image.width * image.height <= _MAX_WHOLE_PIXELS
        return np.array(image.convert("RGB") if is_left else geometry(image))

    return read_image(data, pixels_of, shorter_side=side)


def _no_caption(caption: object) -> str:
    if caption is None:
        return "caption: missing"
    return "caption: empty" if isinstance(caption, str) else "caption: not text"


def _shortened(caption: str, limit: int) -> str:
    if len(caption) <= limit:
        return caption
    return " ".join(caption[: 10 * limit].split())[:limit]
