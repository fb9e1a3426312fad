"""Decodes stored images for models with Pillow, which frees the GIL; a fault of an image is a line of text."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TypeVar

from PIL import Image, UnidentifiedImageError

from babelsift.schemas import one_line

_FORMATS = ("JPEG", "PNG", "WEBP")  # what shards hold; Pillow's rarer decoders see no byte from the web
_MAX_PIXELS = 100_000_000

_Made = TypeVar("_Made")


def read_image(
    data: bytes | memoryview | None, use: Callable[[Image.Image], _Made], *, shorter_side: int | None = None
) -> _Made | str:
    """Returns the result of `use` on an image, or "image: ..." and its fault; raises nothing.

    Args:
        data: a JPEG, PNG or WebP.
        use: takes the opened image.
        shorter_side: px to which `use` resizes the image's shorter side; null: it does not keep the aspect.
    """
    if not data:
        return "image: missing" if data is None else "image: empty"
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.width * image.height > _MAX_PIXELS:
                return f"image: {image.width} x {image.height} pixels are too many"
            aspect = max(image.size) / max(1, min(image.size))
            if shorter_side is not None and shorter_side**2 * aspect > _MAX_PIXELS:
                return f"image: {image.width} x {image.height} pixels are too narrow"
            return use(image)
    except UnidentifiedImageError:
        return "image: not a JPEG, PNG or WebP"  # Pillow's own text has an address in memory
    except Exception as error:  # noqa: BLE001 (decoders raise anything over hostile bytes; the row says what)
        return f"image: {one_line(error, 120)}"
