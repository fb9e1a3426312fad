"""What an image's hashes are made from: its luminance, shrunk to 64 x 64."""

from __future__ import annotations

import cv2
import numpy as np

GREY_SIDE = 64
_ENOUGH = 512  # px a side; more only cost time and memory
_GREY_LEVEL = 256


def luminance_of(image: np.ndarray) -> np.ndarray:
    """Returns uint16[64, 64]: grey levels with 8 bits behind the point.

    Smooth images have their hash in differences smaller than a grey level.

    Args: image: uint8[height, width, 3], BGR.
    """
    height, width = image.shape[:2]
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    grey = cv2.resize(grey, (min(width, _ENOUGH), min(height, _ENOUGH)), interpolation=cv2.INTER_AREA)
    return cv2.resize(grey.astype(np.uint16) * _GREY_LEVEL, (GREY_SIDE, GREY_SIDE), interpolation=cv2.INTER_AREA)
