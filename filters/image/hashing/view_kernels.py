"""Loops that shear a luminance, and hash it in an orientation of its own; compiled by numba, in whole numbers."""

from __future__ import annotations

import numpy as np

from babelsift.filters.image.hashing.hash_kernels import products, set_bits
from babelsift.filters.jit import jit


def compile_views() -> None:
    """Compiles what is not compiled yet."""
    sheared(np.zeros((2, 2), np.uint16), 1, 1)
    oriented_hash(np.zeros((2, 2), np.uint16), np.zeros((4, 2)), (0, 2), np.arange(8))


@jit
def sheared(luminance: np.ndarray, slope: int, bits: int) -> np.ndarray:
    """Returns uint16[n, n]: a luminance whose rows are moved, each in proportion to how far from the middle it is.

    Rows become columns, so that two shears turn an image a little and leave it upright. Edges are continued.

    Args:
        luminance: uint16[n, n].
        slope: what a row moves by to the right for each that it lies lower, times 2**bits.
        bits: at most 14.
    """
    side = len(luminance)
    out, line = np.empty((side, side), np.uint16), np.empty(3 * side + 1, np.int32)
    for row in range(side):
        shift = (side << bits) - ((2 * row - side + 1) * slope >> 1)
        shift = min(max(shift, 0), (2 * side) << bits)
        first, right = shift >> bits, np.int32(shift & ((1 << bits) - 1))
        line[:side] = luminance[row, 0]
        line[side : 2 * side] = luminance[row]
        line[2 * side :] = luminance[row, side - 1]
        taken = line[first : first + side + 1]
        for column in range(side):
            out[column, row] = taken[column] + (((taken[column + 1] - taken[column]) * right) >> bits)
    return out


@jit
def oriented_hash(
    luminance: np.ndarray, cosines: np.ndarray, window: tuple[int, int], places: np.ndarray
) -> tuple[np.ndarray, int]:
    """Returns (uint8[m / 8], the hash of a window in its own orientation; which of the eight the image has).

    An image has its own orientation when it is brighter at its left and at its top, and more so at its top. So a copy
    that is mirrored or turned by 90 degrees has the same. The orientation is a sum: 1, mirrored across; 2, mirrored
    down; 4, then with rows for columns.

    Args:
        luminance: uint16[n, n].
        cosines: float64[frequencies, n], of the window, lowest first, zero outside of it; whole numbers.
        window: its first row and column, and those after its last.
        places: int64[m], the frequencies that have a bit, in order.
    """
    start, end = window
    levels = luminance.astype(np.float64)
    frequencies = len(cosines)
    waves, spectrum = np.empty((frequencies, len(levels))), np.empty((frequencies, frequencies))
    products(cosines, levels, waves)
    products(cosines, waves, spectrum)
    across = down = 0.0
    for row in range(start, end):
        total = 0.0
        for column in range(start, end):
            total += levels[row, column]
        down += cosines[0, row] * total
        across += waves[0, row]
    orientation = (across < 0) * 1 + (down < 0) * 2 + (abs(down) < abs(across)) * 4
    oriented = np.empty_like(spectrum)
    for row in range(frequencies):
        for column in range(frequencies):
            value = spectrum[row, column]
            if across < 0 and column % 2 == 0:  # odd frequencies, from 1 on, change their sign
                value = -value
            if down < 0 and row % 2 == 0:
                value = -value
            if orientation >= 4:
                oriented[column, row] = value
            else:
                oriented[row, column] = value
    bits = np.zeros(len(places) // 8, np.uint8)
    set_bits(oriented, places, bits)
    return bits, orientation
