"""Measures of staged images' pixels, as plain functions from images to values."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pyarrow as pa

from babelsift.filters.columns.maker import FunctionMaker
from babelsift.filters.image.hashing.luminance import luminance_of
from babelsift.filters.image.measures import measure_pixels
from babelsift.filters.image.measures.qr_codes import count_qr_codes
from babelsift.schemas.columns import IMAGE_MEASURES

_PREFIX = "image_"
_FIELDS = tuple(pa.field(measure.name.removeprefix(_PREFIX), measure.type) for measure in IMAGE_MEASURES)


def measures_of(images: Sequence[np.ndarray]) -> dict[str, list[float]]:
    """Returns the measures of images, see `PixelMeasures`, by their names without `image_`.

    Args:
        images: uint8[height, width, 3], RGB.
    """
    found = []
    for image in images:
        pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        found.append(measure_pixels(pixels, grey, luminance_of(pixels)).columns())
    return {field.name: [one[_PREFIX + field.name] for one in found] for field in _FIELDS}


def pixel_measures() -> FunctionMaker:
    """Returns the maker of all measures."""
    return FunctionMaker(measures_of, _FIELDS, version="1", takes_pixels=True)


def qr_codes() -> FunctionMaker:
    """Returns the maker of the number of QR codes."""
    return FunctionMaker(
        count_qr_codes, (pa.field("", pa.int64()),), version=f"1, OpenCV {cv2.__version__}", takes_pixels=True
    )
