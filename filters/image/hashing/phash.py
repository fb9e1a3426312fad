"""256-bit perceptual hashes of an image and of its crops: the signs, about their median, of 16x16 lowest frequencies.

After PDQ (Facebook, 2019), with area downsampling in the place of its tent filters. Whole numbers only, so that the
bits are the same on every machine.

A crop of 2 or 3 % a side moves a quarter of a hash's bits, of 5 % a third. So an image also has the hashes that it
would have if a strip were cut off: of each side, of both sides that meet in a corner, in between, and all around. A
copy cropped so has one of them as its whole hash; a copy with a border has the original's whole hash among the hashes
of its own crops. Of each crop the 128 bits of the lowest frequencies are kept.
"""

from __future__ import annotations

import numpy as np

from babelsift.filters.image.hashing.luminance import GREY_SIDE

FREQUENCIES = 16
PHASH_BITS = FREQUENCIES * FREQUENCIES
CROP_BYTES = 16
_FIXED_POINT = 1 << 13  # so that all sums stay below 2**53, which floats hold exactly

# Shares cut off at an axis's (start, end).
_AXIS = {"all": (0, 0), "start": (0.05, 0), "end": (0, 0.05), "both": (0.025, 0.025), "tight": (0.05, 0.05)}
_CUT = ("start", "end", "both")
# (vertical, horizontal); the order in which a crop's hash is stored.
_CROPS = (
    *((down, across) for down in _CUT for across in _CUT),
    *(("all", side) for side in ("start", "end")),
    *((side, "all") for side in ("start", "end")),
    ("tight", "tight"),
)
CROPS = len(_CROPS)


def _frequency_order() -> np.ndarray:
    """The places of a whole hash's bits, lowest frequencies first."""
    frequency = np.arange(1, FREQUENCIES + 1)
    return np.argsort((frequency[:, None] ** 2 + frequency[None, :] ** 2).ravel(), kind="stable")


# The bits are dealt out in turn, so that each two bytes of the lowest 64 bits are as steady as the others.
LOW_BITS = _frequency_order()[: 8 * CROP_BYTES].reshape(2, 16, 4).transpose(0, 2, 1).ravel()


def window_cosines(start: float, end: float) -> np.ndarray:
    """Returns float64[16, 64]: the DCT-II rows 1 to 16 of what two cuts leave of 64 pixels, in fixed point.

    Args:
        start, end: shares cut off, which may lie within pixels.
    """
    left, right = start * GREY_SIDE, (1 - end) * GREY_SIDE
    edges = np.clip(np.arange(GREY_SIDE + 1), left, right)
    frequency = np.pi * np.arange(1, FREQUENCIES + 1)[:, None] / (right - left)
    # the mean of the cosine over each pixel's part of the window
    waves = np.diff(np.sin(frequency * (edges - left)[None, :]), axis=1) / frequency
    return np.rint(waves * np.sqrt(2 / GREY_SIDE) * _FIXED_POINT)


_COSINES = np.concatenate([window_cosines(*cut) for cut in _AXIS.values()])


# Of the whole image and of each crop: the first rows of cosines, down and across.
_WINDOWS = np.array([[FREQUENCIES * list(_AXIS).index(cut) for cut in cuts] for cuts in (("all", "all"), *_CROPS)])


def perceptual_hashes(luminance: np.ndarray) -> tuple[bytes, bytes]:
    """Returns (an image's hash: 32 bytes, the hashes of its crops: CROPS times CROP_BYTES).

    Images that are near in what they show are near in Hamming distance; by chance two images are 128 bits apart, and
    a crop 64 from `low_bits` of another image.

    Args:
        luminance: uint16[64, 64], what `luminance_of` makes of the image.
    """
    from babelsift.filters.image.hashing.hash_kernels import window_hashes

    whole, crops = window_hashes(luminance, _COSINES, _WINDOWS, FREQUENCIES, LOW_BITS)
    return whole.tobytes(), crops.tobytes()


def low_bits(hashes: np.ndarray) -> np.ndarray:
    """Returns the part of whole hashes that crops' hashes are compared with.

    Args:
        hashes: uint8[n, 32].

    Returns:
        uint8[n, 16].
    """
    return np.packbits(np.ascontiguousarray(np.unpackbits(hashes, axis=1)[:, LOW_BITS]), axis=1)


def hamming_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns how many bits differ between hashes, row by row.

    Args:
        a, b: uint8[n, 32]; one of them may be uint8[32] or uint8[1, 32] and is then compared with every row.

    Returns:
        int64[n].
    """
    difference = np.bitwise_xor(np.ascontiguousarray(a), np.ascontiguousarray(b))
    return np.bitwise_count(difference.view(np.uint64)).sum(axis=-1, dtype=np.int64)
