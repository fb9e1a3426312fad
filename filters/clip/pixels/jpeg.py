"""Decodes JPEGs to the same pixels as Pillow, with the same library, right into memory, in two thirds of the time.

Pillow and simplejpeg both have libjpeg-turbo, with the same settings. Pillow moves the pixels through three further
buffers; simplejpeg has the library write them where they are to lie, and refuses what the library so much as warns of.
Pillow then decides what becomes of such an image.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from PIL import Image, features

# Pillow's modes, and what simplejpeg calls them.
_COLOURS = {"RGB": "RGB", "L": "GRAY"}


def decode_jpeg(
    data: bytes | memoryview, image: Image.Image, *, mode: str, into: np.ndarray | None = None
) -> np.ndarray | None:
    """Returns uint8[height, width, bands], equal to Pillow's pixels; None where Pillow has to decode the image itself.

    Args:
        data: the file.
        image: the file as Pillow has opened it, which has read its header alone.
        mode: of the pixels, RGB or L; an image of mode RGB can be had as RGB alone.
        into: uint8[any], memory that the pixels are put into where there is room for them.
    """
    if image.format != "JPEG" or image.mode not in _COLOURS or (decode := _decoder()) is None:
        return None
    size = image.height * image.width * len(mode)
    buffer = into[:size] if into is not None and len(into) >= size else None
    try:
        pixels = decode(data, _COLOURS[mode], buffer=buffer)
    except ValueError:
        return None
    return pixels if pixels.shape == (image.height, image.width, len(mode)) else None


def decodes_as_pillow(decode: Callable[..., Any]) -> bool:
    """Returns whether a function's pixels of small JPEGs are Pillow's, which a build with other libraries may not have.

    Args:
        decode: called as `simplejpeg.decode_jpeg` is.
    """
    return all(np.array_equal(decode(probe, "RGB"), _by_pillow(probe)) for probe in _probes())


@cache
def _decoder() -> Callable[..., Any] | None:
    """Returns simplejpeg's function; None where it is not installed, or Pillow has another library."""
    try:
        decode = import_module("simplejpeg").decode_jpeg
    except ImportError:
        return None
    return decode if features.check_feature("libjpeg_turbo") and decodes_as_pillow(decode) else None


def _probes() -> Iterator[bytes]:
    """Yields small JPEGs that show every step of decoding: the transform, the sampling of colours, several scans."""
    levels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    drawn = Image.fromarray(levels).resize((45, 37), Image.Resampling.BICUBIC)
    for sampling in ("4:4:4", "4:2:2", "4:2:0"):
        sink = io.BytesIO()
        drawn.save(sink, "JPEG", quality=85, subsampling=sampling, progressive=sampling == "4:2:2")
        yield sink.getvalue()


def _by_pillow(probe: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(probe), formats=("JPEG",)) as image:
        return np.asarray(image)
