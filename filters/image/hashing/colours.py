"""What colours an image has, in eight bytes: how far it is from grey on the whole, and how much that varies.

Perceptual hashes see luminance alone. A copy that is cut, turned, mirrored or written upon keeps its colours, while two
patterns of stripes, which agree in half a hash by chance, seldom have the same.

Whole numbers only, so that the bytes are the same on every machine.
"""

from __future__ import annotations

import numpy as np

COLOURS_BYTES = 8
_UNITS = 32  # of a grey level
_SAMPLES = 64  # a side, at least


def colours_of(image: np.ndarray) -> bytes:
    """Returns an image's colours: the means of red less green and of yellow less blue, and the spreads of both.

    They are int16, little-endian, in 1/32 of a grey level, of every so many rows and columns.

    Args:
        image: uint8[height, width, 3], BGR.

    >>> np.frombuffer(colours_of(np.full((9, 9, 3), (50, 100, 200), np.uint8)), "<i2").tolist()
    [3200, 3200, 0, 0]
    """
    from babelsift.filters.image.hashing.colour_kernels import colour_moments

    return colour_moments(image, max(1, min(image.shape[:2]) // _SAMPLES), _UNITS).tobytes()
