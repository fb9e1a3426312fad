"""A 256-bit perceptual hash: the signs, about their median, of an image's 16x16 lowest frequencies.

After PDQ (Facebook, 2019), with area downsampling in the place of its tent filters. Whole numbers only, so that the
bits are the same on every machine.
"""

from __future__ import annotations

import numpy as np

from filters.image.luminance import GREY_SIDE, luminance_of
from filters.image.structure import structure_of

FREQUENCIES = 16
_FIXED_POINT = 1 << 14
PHASH_BITS = FREQUENCIES * FREQUENCIES


def _cosines() -> np.ndarray:
    """The DCT-II rows 1 to 16 of 64, without the constant one, in fixed point."""
    frequency = np.arange(1, FREQUENCIES + 1)[:, None]
    position = np.arange(GREY_SIDE)[None, :]
    rows = np.cos(np.pi / (2 * GREY_SIDE) * frequency * (2 * position + 1)) * np.sqrt(2 / GREY_SIDE)
    return np.rint(rows * _FIXED_POINT)


_COSINES = _cosines()


def perceptual_hash(image: np.ndarray) -> tuple[bytes, float]:
    """Returns (the hash: 32 bytes, how much structure the image has: 0 for a flat image to 1).

    Images that are near in what they show are near in Hamming distance; by chance two images are 128 bits apart.

    Args: image: uint8[height, width, 3], BGR.
    """
    luminance = luminance_of(image)
    return hash_of_luminance(luminance), structure_of(luminance)


def hash_of_luminance(luminance: np.ndarray) -> bytes:
    """Returns the hash of what `luminance_of` makes of an image."""
    # Whole numbers below 2**53 all through: floats hold them exactly, and are multiplied many times as fast.
    spectrum = _COSINES @ luminance.astype(np.float64) @ _COSINES.T
    return np.packbits(spectrum > median_of(spectrum.reshape(1, -1))).tobytes()


def median_of(rows: np.ndarray) -> np.ndarray:
    """Returns float64[n, 1], each row's median; of an even number of values, which costs a third of `np.median`.

    Args: rows: float64[n, m].
    """
    ordered, half = np.sort(rows, axis=1), rows.shape[1] // 2
    return (ordered[:, half - 1 : half] + ordered[:, half : half + 1]) / 2


def hamming_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns how many bits differ between hashes, row by row.

    Args: a, b: uint8[n, 32]; one of them may be uint8[32] or uint8[1, 32] and is then compared with every row.
    Returns: int64[n].
    """
    difference = np.bitwise_xor(np.ascontiguousarray(a), np.ascontiguousarray(b))
    return np.bitwise_count(difference.view(np.uint64)).sum(axis=-1, dtype=np.int64)
