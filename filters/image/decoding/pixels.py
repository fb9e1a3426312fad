"""A stored image as pixels, for whatever looks at it: a measure, a model, a function of the user's own."""

from __future__ import annotations

from contextlib import nullcontext

import cv2
import numpy as np

from babelsift.filters.image.container import open_image
from babelsift.filters.image.decoding.decode import LARGE_IMAGES, decode_image, is_large
from babelsift.filters.image.failure import ImageFailureError

_MAX_PIXELS = 100_000_000


def decode_rgb(body: bytes, *, max_pixels: int = _MAX_PIXELS) -> np.ndarray | str:
    """Returns an image's pixels, upright, transparency on white; or a line that says why it has none.

    Args:
        body: the file.
        max_pixels: larger images are not decoded.

    Returns:
        uint8[height, width, 3], RGB; or text.

    >>> decode_rgb(b"no image")
    'not_an_image: text'
    """
    try:
        header = open_image(body).header
        if header.width * header.height > max_pixels:
            return f"too many pixels: {header.width}x{header.height}"
        with LARGE_IMAGES if is_large(header) else nullcontext():
            return cv2.cvtColor(decode_image(body, header).pixels, cv2.COLOR_BGR2RGB)
    except ImageFailureError as failure:
        return f"{failure.reason.value}: {failure.detail}" if failure.detail else failure.reason.value
