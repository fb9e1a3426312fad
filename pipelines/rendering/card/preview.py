"""One picture of some kept pairs, for the top of the dataset card."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np

from babelsift.pipelines.rendering.data import Sample

COLUMNS, ROWS = 6, 2
_SIDE_PX, _GAP_PX = 160, 6
_QUALITY = 78
_BACKGROUND = 255


def previewed(samples: Sequence[Sample]) -> list[Sample]:
    """Returns the kept samples that the picture shows: a dozen of those drawn at random, none of them hidden."""
    kept = (sample for sample in samples if sample.is_random and sample.reason is None)
    shown = (sample for sample in kept if not sample.is_veiled and _tile(sample.image) is not None)
    return list(islice(shown, COLUMNS * ROWS))


def preview(samples: Sequence[Sample]) -> bytes | None:
    """Returns the picture as WebP, samples in rows; None where there is none to show.

    Args:
        samples: as of `previewed`.
    """
    import cv2  # here: it takes a moment, and most who import this room draw no picture

    tiles = [tile for sample in samples if (tile := _tile(sample.image)) is not None]
    if not tiles:
        return None
    pitch = _SIDE_PX + _GAP_PX
    columns, rows = min(len(tiles), COLUMNS), -(-len(tiles) // COLUMNS)
    sheet = np.full((rows * pitch - _GAP_PX, columns * pitch - _GAP_PX, 3), _BACKGROUND, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // COLUMNS * pitch, number % COLUMNS * pitch
        sheet[top : top + _SIDE_PX, left : left + _SIDE_PX] = tile
    return cv2.imencode(".webp", sheet, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])[1].tobytes()


def _tile(image: bytes | None) -> np.ndarray | None:
    """Returns the middle square of an image; None where it cannot be decoded."""
    import cv2

    pixels = None if not image else cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        return None
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return cv2.resize(pixels[top : top + side, left : left + side], (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
