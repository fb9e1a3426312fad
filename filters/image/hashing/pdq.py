"""PDQ, the perceptual hash in which lists of known images are shared: as published, so that its hashes can be compared.

`phash` stays what near-duplicates are found by: lists do not have it.
"""

from __future__ import annotations

import cv2
import numpy as np

PDQ_BYTES = 32
PDQ_SIDE = 64
_LARGEST_SIDE = 512  # as the published program: an image with a longer side is made a square of it
_SMALLEST_SIDE = 5
_FREQUENCIES = 16

# float32[16, 64]: the DCT-II's rows 1 to 16.
_COSINES = (
    np.sqrt(2 / PDQ_SIDE)
    * np.cos(np.pi / (2 * PDQ_SIDE) * np.arange(1, _FREQUENCIES + 1)[:, None] * (2 * np.arange(PDQ_SIDE)[None, :] + 1))
).astype(np.float32)


def pdq_hash(grey: np.ndarray) -> tuple[bytes, int]:
    """Returns (an image's PDQ hash, its quality from 0 to 100); below 50 the hash tells too little to be compared.

    Images are alike within 31 of 256 bits. The hash is that of the published program but for a bit or two, as that adds
    floats in another order.

    Args:
        grey: uint8[height, width].

    Returns:
        (32 bytes, the first 4 bits are the first hex digit; quality).

    Source: Facebook, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", 2019.

    >>> pdq_hash(np.zeros((64, 64), np.uint8))[1]
    0
    """
    height, width = grey.shape
    if min(height, width) < _SMALLEST_SIDE:
        return bytes(PDQ_BYTES), 0
    if max(height, width) > _LARGEST_SIDE:
        grey = cv2.resize(grey, (_LARGEST_SIDE, _LARGEST_SIDE), interpolation=cv2.INTER_NEAREST)
    from babelsift.filters.image.hashing.pdq_kernels import bits_above_median, frequencies_of, quality_of, tent_filtered

    shrunk = grey.astype(np.float32)
    if grey.shape != (PDQ_SIDE, PDQ_SIDE):
        along_columns = tent_filtered(shrunk, PDQ_SIDE)
        shrunk = np.ascontiguousarray(tent_filtered(np.ascontiguousarray(along_columns.T), PDQ_SIDE).T)
    hashed = bits_above_median(frequencies_of(shrunk, _COSINES))
    return hashed.tobytes(), int(quality_of(shrunk))
