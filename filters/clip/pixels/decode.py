"""Decodes a stored image to what a model sees of it, or to the whole image that a device then resizes."""

from __future__ import annotations

import numpy as np
from PIL import Image

from babelsift.filters.clip.pixels.cpu_resize import cut_out
from babelsift.filters.clip.pixels.geometry import Geometry
from babelsift.filters.clip.pixels.images import read_image

MAX_WHOLE_PIXELS = 640 * 640  # of an image that is left whole: larger ones would fill memory by the batch
_BAND_BY_BAND = ("RGB", "L")  # modes whose colours are resized each by itself, and so after the conversion, too


def decode(data: bytes | memoryview | None, geometry: Geometry, *, max_whole_pixels: int = 0) -> np.ndarray | str:
    """Returns uint8[height, width, 3], or "image: ..." and the image's fault.

    Args:
        data: a JPEG, PNG or WebP.
        geometry: which part of the image a model sees, at which size.
        max_whole_pixels: images up to so many are left whole; others, and those whose colours are not resized band by
            band, are cut out.
    """

    def pixels_of(image: Image.Image) -> np.ndarray:
        if image.mode not in _BAND_BY_BAND:
            return np.asarray(geometry.by_pillow(image).convert("RGB"))
        is_small = image.width * image.height <= max_whole_pixels
        if is_small and geometry.goes_along_rows_first(image.height, image.width):
            return np.asarray(image.convert("RGB"))
        return cut_out(np.asarray(image), geometry)

    return read_image(data, pixels_of, shorter_side=geometry.shorter_side)
