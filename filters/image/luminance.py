"""What an image's hashes are made from: its luminance, shrunk to 64 x 64."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from filters.image.scratch import Scratch

GREY_SIDE = 64
_GREY_LEVEL = 256
_SIDES_REMEMBERED = 1024
_SUMMED_PIXELS = 2**31 // 255  # what 32 bits can sum up

_scratch = Scratch()


def grey_of(image: np.ndarray) -> np.ndarray:
    """Returns uint8[height, width], each pixel's grey level; valid until the thread asks for the next image's.

    Args: image: uint8[height, width, 3], BGR.
    """
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY, _scratch.array("grey", np.uint8, *image.shape[:2]))


def luminance_of(image: np.ndarray) -> np.ndarray:
    """Returns uint16[64, 64]: grey levels with 8 bits behind the point.

    Args: image: uint8[height, width, 3], BGR.
    """
    return luminance_of_grey(grey_of(image))


def luminance_of_grey(grey: np.ndarray) -> np.ndarray:
    """Returns what `luminance_of` does, of the grey levels themselves.

    Smooth images have their hash in differences smaller than a grey level. Each value is the mean over its 64th of
    both sides, from the table of sums, in whole numbers: the same on every machine, at half of `INTER_AREA`'s time.
    """
    height, width = grey.shape
    if height * width > _SUMMED_PIXELS:
        smaller = (min(width, 8 * GREY_SIDE), min(height, 8 * GREY_SIDE))
        grey = cv2.resize(grey, smaller, interpolation=cv2.INTER_AREA)
        height, width = grey.shape
    sums = cv2.integral(grey, _scratch.array("sums", np.int32, height + 1, width + 1), cv2.CV_32S)
    corners = _at_edges(sums, height, width)
    rows = corners[1:] - corners[:-1]
    totals = rows[:, 1:] - rows[:, :-1]
    totals *= _GREY_LEVEL
    totals //= height * width
    return totals.astype(np.uint16)


def _at_edges(sums: np.ndarray, height: int, width: int) -> np.ndarray:
    """GREY_SIDE**2 times the sums up to each of the 65 x 65 edges, which may lie within pixels."""
    (rows, *down), (columns, *across) = _edges(height), _edges(width)
    around = sums.ravel().take(rows[:, None] * (width + 1) + columns)
    edges = GREY_SIDE + 1
    fewer = around[:, :edges] * across[0] + around[:, edges:] * across[1]
    return fewer[:edges] * down[0][:, None] + fewer[edges:] * down[1][:, None]


@lru_cache(_SIDES_REMEMBERED)
def _edges(pixels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of 65 edges along a side: (pixels before each, then those and the next one; the weights, in 64ths, of both)."""
    edges = np.arange(GREY_SIDE + 1) * pixels
    whole, part = edges // GREY_SIDE, edges % GREY_SIDE
    return np.concatenate([whole, np.minimum(whole + 1, pixels)]), GREY_SIDE - part, part
