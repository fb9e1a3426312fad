"""Images and captions as a processor of transformers prepares them, at our pace where that is possible bit for bit.

A processor gives numbers; here they are levels again, 0 to 255, so that images are decoded, stored in batches and
normalised as those of any other model. Where a resize of ours gives the same levels for images that try it, it stands
in for the processor. Imports torch.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import Compose, Normalize, ToTensor

from babelsift.filters.clip.pixels.decode import cut_whole
from babelsift.filters.clip.pixels.geometry import Geometry
from babelsift.filters.clip.towers.two_towers import GRID_BITS

_KERNELS = {1: "lanczos", 2: "bilinear", 3: "bicubic"}  # by Pillow's numbers
_SIZES = ((64, 48), (31, 90), (203, 150), (333, 97), (500, 375))  # width and height in px
_MODES = ("RGB", "L", "RGBA", "LA", "P")
MOST_TOKENS = 512


def image_transform(processor: Any) -> Compose:
    """Returns the transform of a processor's images: PIL image -> float32[3, height, width].

    Args:
        processor: of images, on Pillow; with a mean and a deviation.

    Raises:
        ValueError: it does not give levels of 8 bits, normalised.
    """
    scale = float(getattr(processor, "rescale_factor", 1 / 255)) if getattr(processor, "do_rescale", True) else 1.0
    is_normalised = getattr(processor, "do_normalize", True)
    names = (("image_mean", "mean", 0.0), ("image_std", "std", 1.0))
    mean, std = (
        np.broadcast_to(_first(processor, *spelled, otherwise=otherwise) if is_normalised else otherwise, (3,))
        for *spelled, otherwise in names
    )
    # level * scale, less the mean, by the deviation: the same of level / 255.
    cut = ProcessorCut(processor, mean / (255 * scale), std / (255 * scale))
    transform = Compose([cut, ToTensor(), Normalize(cut.mean.tolist(), cut.std.tolist())])
    drawn = _drawn((203, 150), "RGB")
    expected = torch.from_numpy(np.asarray(cut.values(drawn), np.float32))
    found = transform(drawn)
    if cut.patch is None and (found.shape != expected.shape or not torch.allclose(found, expected, atol=1e-4)):
        raise ValueError(f"{type(processor).__name__} does not give levels of 8 bits, normalised")
    return transform


def _first(processor: Any, *names: str, otherwise: float) -> Any:
    return next((getattr(processor, name) for name in names if getattr(processor, name, None) is not None), otherwise)


class ProcessorCut:
    """What a processor makes of an image, before it is normalised: a callable, PIL image -> PIL image of mode RGB.

    A processor that cuts an image into a grid of patches, of the image's own aspect, gives a strip: the patches below
    each other, row by row, blank ones up to the most that there may be, and one with the grid's rows and columns.

    Attributes:
        mean, std: float[3] of levels from 0 to 1.
        patch: px of a patch's side; None where images have one size.
        geometry: what gives the same as the processor; None where nothing known does.
        size: px of the largest side.
    """

    def __init__(self, processor: Any, mean: np.ndarray, std: np.ndarray) -> None:
        self._processor = processor
        self.mean, self.std = mean, std
        names = getattr(processor, "model_input_names", ())
        self.patch: int | None = int(processor.patch_size) if "spatial_shapes" in names else None
        self.size = max(self(_drawn((64, 48), "RGB")).size) if self.patch is None else 0
        self.geometry = None if self.patch else next(filter(self._is_same, _geometries(processor)), None)

    def values(self, image: Image.Image) -> np.ndarray:
        """Returns what a model takes of an image."""
        return np.asarray(self._made(image)["pixel_values"][0])

    def __call__(self, image: Image.Image) -> Image.Image:
        """Returns the levels of an image."""
        made = self._made(image)
        values = np.asarray(made["pixel_values"][0], np.float64)
        if self.patch is None:
            return Image.fromarray(self._levels(np.moveaxis(values, 0, -1)))
        strip = self._levels(values.reshape(-1, self.patch, 3))
        rows, columns = (int(count) for count in np.asarray(made["spatial_shapes"][0]))
        strip[rows * columns * self.patch :] = 0
        bits = [count >> bit & 1 for count in (rows, columns) for bit in range(GRID_BITS)]
        grid = np.zeros((self.patch**2, 3), np.uint8)
        grid[: len(bits)] = 255 * np.array(bits, np.uint8)[:, None]
        return Image.fromarray(np.concatenate([strip, grid.reshape(self.patch, self.patch, 3)]))

    def _made(self, image: Image.Image) -> Any:
        """Returns what the processor makes of an image: one that does not convert colours fails over all but RGB."""
        converts = getattr(self._processor, "do_convert_rgb", False)
        return self._processor(images=image if converts else image.convert("RGB"), return_tensors="np")

    def _levels(self, values: np.ndarray) -> np.ndarray:
        return np.clip(np.rint((values * self.std + self.mean) * 255), 0, 255).astype(np.uint8)

    def _is_same(self, geometry: Geometry) -> bool:
        images = (_drawn(size, mode) for size, mode in itertools.product(_SIZES, _MODES))
        return all(np.array_equal(cut_whole(image, geometry), np.asarray(self(image))) for image in images)


def _geometries(processor: Any) -> Iterator[Geometry]:
    """Yields what may be the same as a processor, by its settings."""
    size, cut = (_sides(getattr(processor, name, None)) for name in ("size", "crop_size"))
    kernel = _KERNELS.get(int(getattr(processor, "resample", None) or 0))
    if not getattr(processor, "do_resize", False) or kernel is None or size is None:
        return
    if getattr(processor, "do_center_crop", None) and cut is not None and (len(cut) == 1 or cut[0] == cut[1]):
        rule, sides = ("shorter" if len(size) == 1 else "squash"), cut[:1] * 2
    else:
        rule, sides = "squash", size
    if len(sides) != 2:
        return
    for colours, middle in itertools.product(("first_on_white", "first", "last"), ("down", "even")):
        yield Geometry(sides[0], sides[1], rule, kernel, middle=middle, colours=colours)  # type: ignore[arg-type]


def _sides(size: Any) -> tuple[int, ...] | None:
    """Returns height and width, or the shorter side alone, of a processor's settings; None of any others."""
    try:
        known = {name: value for name, value in dict(size or {}).items() if value is not None}
    except (TypeError, ValueError):  # of a processor with ways of its own
        return None
    if set(known) == {"shortest_edge"}:
        return (int(known["shortest_edge"]),)
    return (int(known["height"]), int(known["width"])) if set(known) == {"height", "width"} else None


def _drawn(size: tuple[int, int], mode: str) -> Image.Image:
    draw = np.random.default_rng(size[0])
    image = Image.fromarray(draw.integers(0, 256, (size[1], size[0], 4), dtype=np.uint8), "RGBA")
    return image.convert("RGB").quantize(16) if mode == "P" else image.convert(mode)


class ProcessorTokenizer:
    """Captions as a tokenizer of transformers makes them, each of `context_length` tokens; -1 where a mask hides one.

    Attributes:
        context_length: tokens of a caption; longer ones are cut.
        padding: the token that hidden places have in the model.
        has_mask: whether the tokenizer hides padding from the model.
    """

    def __init__(self, tokenizer: Any, positions: int) -> None:
        self._tokenizer = tokenizer
        self.context_length = min(int(tokenizer.model_max_length), positions, MOST_TOKENS)
        self.padding = int(tokenizer.pad_token_id or 0)
        self.has_mask = "attention_mask" in self._made(["a"])

    def __call__(self, captions: Sequence[str]) -> torch.Tensor:
        """Returns int64[captions, context_length]."""
        made = self._made(list(captions))
        tokens = made["input_ids"].to(torch.int64)
        return tokens.masked_fill(made["attention_mask"] == 0, -1) if self.has_mask else tokens

    def _made(self, captions: list[str]) -> Any:
        options = {"padding": "max_length", "truncation": True, "max_length": self.context_length}
        return self._tokenizer(captions, return_tensors="pt", **options)
