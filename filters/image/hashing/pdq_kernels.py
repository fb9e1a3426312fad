"""PDQ's loops, compiled by numba."""

from __future__ import annotations

import numpy as np

from babelsift.filters.jit import jit


@jit
def tent_filtered(pixels: np.ndarray, targets: int) -> np.ndarray:
    """Returns float32[targets, width]: rows near which a tent has blurred the columns, made by two box filters.

    Args:
        pixels: float32[height, width].
        targets: rows to return, evenly apart.
    """
    height = pixels.shape[0]
    window = (height + 2 * targets - 1) // (2 * targets)
    blurred = _box_filtered(_box_filtered(pixels, window), window)
    shrunk = np.empty((targets, pixels.shape[1]), np.float32)
    for target in range(targets):
        shrunk[target] = blurred[int((target + 0.5) * height / targets)]
    return shrunk


@jit
def _box_filtered(pixels: np.ndarray, window: int) -> np.ndarray:
    """Returns float32[height, width], of each pixel the mean over a window along its column, cut off at the ends."""
    height, width = pixels.shape
    means, sums = np.empty((height, width), np.float32), np.zeros(width, np.float32)
    after, size = (window + 2) // 2 - 1, 0
    before = window - after
    for row in range(-after, height):
        if row + after < height:
            entering = pixels[row + after]
            size += 1
            for column in range(width):
                sums[column] += entering[column]
        if row - before >= 0:
            leaving = pixels[row - before]
            size -= 1
            for column in range(width):
                sums[column] -= leaving[column]
        if row >= 0:
            mean, share = means[row], np.float32(1) / np.float32(size)
            for column in range(width):
                mean[column] = sums[column] * share
    return means


@jit
def frequencies_of(shrunk: np.ndarray, cosines: np.ndarray) -> np.ndarray:
    """Returns float32[16, 16], the lowest frequencies but for the mean.

    Args:
        shrunk: float32[64, 64].
        cosines: float32[16, 64].
    """
    count, side = cosines.shape
    down = np.zeros((count, side), np.float32)
    for row in range(count):
        for place in range(side):
            for column in range(side):
                down[row, column] += cosines[row, place] * shrunk[place, column]
    both = np.zeros((count, count), np.float32)
    for row in range(count):
        for column in range(count):
            for place in range(side):
                both[row, column] += down[row, place] * cosines[column, place]
    return both


@jit
def bits_above_median(frequencies: np.ndarray) -> np.ndarray:
    """Returns uint8[32]: which of 256 values are above the lower median, the last value's bit first."""
    values = frequencies.ravel()
    median = np.sort(values)[(len(values) - 1) // 2]
    packed = np.zeros(len(values) // 8, np.uint8)
    for place in range(len(values)):
        if values[place] > median:
            bit = len(values) - 1 - place
            packed[bit >> 3] |= np.uint8(128 >> (bit & 7))
    return packed


@jit
def quality_of(shrunk: np.ndarray) -> int:
    """Returns how steep the greys of float32[64, 64] are, from 0 to 100."""
    total = 0
    side = shrunk.shape[0]
    for row in range(side):
        for column in range(side):
            if row + 1 < side:
                total += abs(int((shrunk[row, column] - shrunk[row + 1, column]) * np.float32(100) / np.float32(255)))
            if column + 1 < side:
                total += abs(int((shrunk[row, column] - shrunk[row, column + 1]) * np.float32(100) / np.float32(255)))
    return min(total // 90, 100)
