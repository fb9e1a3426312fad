"""What an image's hashes are made from: its luminance, shrunk to 64 x 64."""

from __future__ import annotations

import cv2
import numpy as np

GREY_SIDE = 64
_GREY_LEVEL = 256


def grey_of(image: np.ndarray) -> np.ndarray:
    """Returns uint8[height, width], each pixel's grey level.

    Args:
        image: uint8[height, width, 3], BGR.
    """
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def luminance_of(image: np.ndarray) -> np.ndarray:
    """Returns uint16[64, 64]: grey levels with 8 bits behind the point.

    Args:
        image: uint8[height, width, 3], BGR.
    """
    return luminance_of_grey(grey_of(image))


def luminance_of_grey(grey: np.ndarray) -> np.ndarray:
    """Returns what `luminance_of` does, of the grey levels themselves.

    Smooth images have their hash in differences smaller than a grey level. Each value is the mean over its 64th of
    both sides, whose edges may lie within pixels, in whole numbers: the same on every machine.
    """
    from babelsift.filters.image.kernels import luminance

    return luminance(np.ascontiguousarray(grey), GREY_SIDE, _GREY_LEVEL)
