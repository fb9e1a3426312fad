"""What pixels alone say of an image: dark, bright, blurred, grey, framed, of little information.

The measures are cleanvision's, whose thresholds are said with each, made in a fortieth of its time: brightness and
entropy are of some four thousand pixels, evenly spread, and sharpness is of the luminance that hashes are made of.

Source: cleanvision 0.3.7 (Apache-2.0), `issue_managers/image_property.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np

from babelsift.filters.image.hashing.borders import border_widths

_COUNTED = 4_000  # pixels, about
_BLUR_SCALE, _FLAT = 0.01, 0.18
_WEIGHT_BITS = 20
_CUBIC, _REACH = -0.5, 2.0  # Pillow's bicubic filter
_SHARPER = 0.05  # than that filter the other one is: it has means of pixels before it


@dataclass(frozen=True)
class PixelMeasures:
    """An image's measures.

    Attributes:
        image_brightness: 0 to 1, of its mean colour.
        image_brightness_5: 0 to 1, which 95 of 100 pixels exceed; above 0.95 the image is too bright.
        image_brightness_99: 0 to 1, which 1 of 100 pixels exceeds; below 0.32 it is too dark.
        image_contrast: the standard deviation of the brightness of its pixels, 0 to 0.5.
        image_entropy: bits, of the values of its three channels; below 3 there is little to see.
        image_sharpness: 0 to 1; below 0.29 it is blurred.
        image_colour: 0 to 1, how far apart a pixel's channels are on average; 0: it is grey.
        image_border: 0 to 1, the share of it that is a border of one colour.
    """

    image_brightness: float
    image_brightness_5: float
    image_brightness_99: float
    image_contrast: float
    image_entropy: float
    image_sharpness: float
    image_colour: float
    image_border: float

    def columns(self) -> dict[str, Any]:
        """Returns the measures by their names as columns."""
        return {field.name: getattr(self, field.name) for field in fields(PixelMeasures)}


def measure_pixels(image: np.ndarray, grey: np.ndarray, luminance: np.ndarray) -> PixelMeasures:
    """Returns an image's measures.

    Args:
        image: uint8[height, width, 3], BGR.
        grey: uint8[height, width], its grey levels.
        luminance: uint16[64, 64], what `luminance_of` makes of it.

    >>> white = np.full((90, 90, 3), 255, np.uint8)
    >>> measure_pixels(white, white[..., 0], np.full((64, 64), 255 << 8, np.uint16)).image_brightness_5
    1.0
    """
    from babelsift.filters.image.measures.kernels import count_pixels

    height, width = grey.shape
    step = max(1, math.isqrt(height * width // _COUNTED))
    brightness, low, high, contrast, entropy, colour = count_pixels(image, step)
    top, bottom, left, right = border_widths(grey)
    border = 1 - (height - top - bottom) * (width - left - right) / (height * width)
    values = brightness, low, high, contrast, entropy, _sharpness(luminance, (height, width)), colour, border
    # to five digits: the last of sixteen may differ between processors
    return PixelMeasures(*(round(float(value), 5) for value in values))


def _sharpness(luminance: np.ndarray, shape: tuple[int, int]) -> float:
    """cleanvision's score of blurriness, of an image whose longer side has 64 pixels."""
    from babelsift.filters.image.measures.kernels import edges

    side, (height, width) = len(luminance), shape
    upright = luminance if width >= height else np.ascontiguousarray(luminance.T)
    short = max(int(min(shape) / (max(shape) / side)), 1)
    deviations = edges(upright, _shrinking(side, short), side, _WEIGHT_BITS)
    blur, plain = (1 - math.exp(-deviation * _BLUR_SCALE) for deviation in deviations)
    return min(1.0, blur + (plain if plain > _FLAT else 0.0))


@lru_cache(maxsize=64)
def _shrinking(source: int, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns (int64[target], int64[target, taps]): the rows that each is made of, and their weights."""
    weights = np.zeros((target, source))
    for place in range(target):
        scale = source / target
        away = np.abs((np.arange(source) + 0.5 - (place + 0.5) * scale) / scale)
        near = ((_CUBIC + 2) * away - (_CUBIC + 3)) * away * away + 1
        far = (((away - 5) * away + 8) * away - 4) * _CUBIC
        weights[place] = np.where(away < 1, near, np.where(away < _REACH, far, 0.0))
    weights /= weights.sum(axis=1, keepdims=True)
    if target < source:
        around = np.pad(weights, ((1, 1), (0, 0)), mode="edge")
        weights = (1 + 2 * _SHARPER) * weights - _SHARPER * (around[2:] + around[:-2])
    whole = np.rint(weights * (1 << _WEIGHT_BITS)).astype(np.int64)
    taps = int(max(np.ptp(np.flatnonzero(row)) + 1 for row in whole))
    firsts = np.array([min(np.flatnonzero(row)[0], source - taps) for row in whole], np.int64)
    return firsts, np.stack([row[first : first + taps] for row, first in zip(whole, firsts, strict=True)])
