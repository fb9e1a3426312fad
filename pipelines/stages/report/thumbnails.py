"""Images as small as a page shows them, so that a report stays small whatever images a run stores."""

from __future__ import annotations

import cv2
import numpy as np

SIDE_PX = 224
_QUALITY = 72
_LARGE_BYTES = 2**20  # of files that are read at half their size


def thumbnail(image: bytes) -> bytes | None:
    """Returns an image with at most 224 px a side, as WebP without metadata; None where it cannot be decoded.

    Args:
        image: encoded.
    """
    if not image:
        return None
    reduce = cv2.IMREAD_REDUCED_COLOR_2 if len(image) > _LARGE_BYTES else cv2.IMREAD_COLOR
    pixels = cv2.imdecode(np.frombuffer(image, np.uint8), reduce)
    if pixels is None or not pixels.size:
        return None
    height, width = pixels.shape[:2]
    scale = SIDE_PX / max(height, width)
    if scale < 1:
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    is_encoded, encoded = cv2.imencode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
    return encoded.tobytes() if is_encoded else None
