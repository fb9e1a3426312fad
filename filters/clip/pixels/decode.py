"""Decodes a stored image to what a model sees of it, or to the whole image that a device then resizes."""

from __future__ import annotations

import numpy as np
from PIL import Image

from babelsift.filters.clip.pixels.cpu_resize import cut_out
from babelsift.filters.clip.pixels.geometry import Geometry
from babelsift.filters.clip.pixels.images import read_image
from babelsift.filters.clip.pixels.jpeg import decode_jpeg

MAX_WHOLE_PIXELS = 640 * 640  # of an image that is left whole: larger ones would fill memory by the batch
_BAND_BY_BAND = ("RGB", "L")  # modes whose colours are resized each by itself, and so after the conversion, too


def decode(
    data: bytes | memoryview | None,
    geometry: Geometry,
    *,
    max_whole_pixels: int = 0,
    into: np.ndarray | None = None,
) -> np.ndarray | str:
    """Returns uint8[height, width, 3], or "image: ..." and the image's fault.

    Args:
        data: a JPEG, PNG or WebP.
        geometry: which part of the image a model sees, at which size.
        max_whole_pixels: images up to so many are left whole; others, and those whose colours are not resized band by
            band, are cut out.
        into: uint8[any], memory that the pixels are put into, which has room for them; None: memory of their own.
    """

    def pixels_of(image: Image.Image) -> np.ndarray:
        image = geometry.converted(image)
        if data is None or image.mode not in _BAND_BY_BAND:
            return np.asarray(geometry.by_pillow(image).convert("RGB"))
        is_small = image.width * image.height <= max_whole_pixels
        if is_small and geometry.goes_along_rows_first(image.height, image.width):
            whole = decode_jpeg(data, image, mode="RGB", into=into)
            return np.asarray(image if image.mode == "RGB" else image.convert("RGB")) if whole is None else whole
        bands = decode_jpeg(data, image, mode=image.mode)
        return cut_out(np.asarray(image) if bands is None else bands, geometry)

    pixels = read_image(data, pixels_of, shorter_side=geometry.shorter_side)
    return pixels if into is None or isinstance(pixels, str) else _placed(pixels, into)


def cut_whole(image: Image.Image, geometry: Geometry) -> np.ndarray:
    """Returns uint8[geometry's height, width, 3], what a model sees of an opened image.

    Args:
        image: of any mode.
        geometry: which part, at which size.
    """
    image = geometry.converted(image)
    if image.mode not in _BAND_BY_BAND:
        return np.asarray(geometry.by_pillow(image).convert("RGB"))
    return cut_out(np.asarray(image), geometry)


def _placed(pixels: np.ndarray, into: np.ndarray) -> np.ndarray:
    """Returns pixels in memory, where they may be already."""
    if np.may_share_memory(pixels, into):
        return pixels
    place = into[: pixels.size]
    place[:] = pixels.reshape(-1)
    return place.reshape(pixels.shape)
