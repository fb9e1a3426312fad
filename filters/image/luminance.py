"""What an image's hashes are made from: its luminance, shrunk to 64 x 64."""

from __future__ import annotations

import cv2
import numpy as np

from filters.image.scratch import Scratch

GREY_SIDE = 64
_GREY_LEVEL = 256
_SUMMED_PIXELS = 2**31 // 255  # what 32 bits can sum up

_scratch = Scratch()


def luminance_of(image: np.ndarray) -> np.ndarray:
    """Returns uint16[64, 64]: grey levels with 8 bits behind the point.

    Smooth images have their hash in differences smaller than a grey level. Each value is the mean over its 64th of
    both sides, from the table of sums, in whole numbers: the same on every machine, at half of `INTER_AREA`'s time.

    Args: image: uint8[height, width, 3], BGR.
    """
    height, width = image.shape[:2]
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY, _scratch.array("grey", np.uint8, height, width))
    if height * width > _SUMMED_PIXELS:
        smaller = (min(width, 8 * GREY_SIDE), min(height, 8 * GREY_SIDE))
        grey = cv2.resize(grey, smaller, interpolation=cv2.INTER_AREA)
        height, width = grey.shape
    sums = cv2.integral(grey, _scratch.array("sums", np.int32, height + 1, width + 1), cv2.CV_32S)
    corners = _at_edges(sums, height, width)
    totals = np.diff(np.diff(corners, axis=0), axis=1)
    return (totals * _GREY_LEVEL // (height * width)).astype(np.uint16)


def _at_edges(sums: np.ndarray, height: int, width: int) -> np.ndarray:
    """GREY_SIDE**2 times the sums up to each of the 65 x 65 edges, which may lie within pixels."""
    (above, below, down), (left, right, across) = (_edges(side) for side in (height, width))
    above, below, down = above[:, None] * (width + 1), below[:, None] * (width + 1), down[:, None]
    table = sums.ravel()
    upper, lower = (
        table.take(row + left) * (GREY_SIDE - across) + table.take(row + right) * across for row in (above, below)
    )
    return upper * (GREY_SIDE - down) + lower * down


def _edges(pixels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of 65 edges along a side: (whole pixels before each, those and the next one, 64ths of that one before it)."""
    edges = np.arange(GREY_SIDE + 1) * pixels
    whole = edges // GREY_SIDE
    return whole, np.minimum(whole + 1, pixels), edges % GREY_SIDE
