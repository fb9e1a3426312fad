"""Loops over pixels, compiled by numba: each is one call without the interpreter's lock.

In numpy each is many short calls, and every one of them waits for the lock beside other decoders. All of it is in whole
numbers, so that results are the same on every machine.
"""

from __future__ import annotations

import numpy as np

from babelsift.filters.jit import jit


@jit
def rounded_shift(total: int, bits: int) -> int | np.integer:
    """Returns total / 2**bits, rounded to the nearest, ties to even, as floats are.

    Args:
        total: int32.
        bits: int32, at least 1.
    """
    one = np.int32(1)
    return (total + ((one << (bits - one)) - one) + ((total >> bits) & one)) >> bits


@jit
def shrink(
    cells: np.ndarray,
    down: tuple[np.ndarray, np.ndarray],
    across: tuple[np.ndarray, np.ndarray],
    bits: tuple[np.int32, np.int32],
) -> np.ndarray:
    """Returns uint8[targets down, targets across, 3]: weighted sums of cells along both axes.

    Args:
        cells: uint8[rows, columns, 3].
        down: (uint32[targets], the first row of each; int32[targets, taps], their weights).
        across: (uint32[targets], the first value of each, three to a column; int32[taps, targets], weights).
        bits: what sums are shifted by after each axis, rounded to the nearest, ties to even, as floats are.
    """
    (firsts, row_weights), (starts, column_weights) = down, across
    values, targets = cells.shape[1] * 3, 3 * column_weights.shape[1]
    lines = cells.reshape(cells.shape[0], values)
    sums, along = np.empty(values, np.int32), np.empty(targets, np.int32)
    shrunk = np.empty((row_weights.shape[0], targets), np.uint8)
    for row in range(row_weights.shape[0]):
        sums[:] = 0
        for tap in range(row_weights.shape[1]):
            weight = row_weights[row, tap]
            if weight != 0:
                line = lines[firsts[row] + tap]
                for place in range(values):
                    sums[place] += weight * np.int32(line[place])
        for place in range(values):
            sums[place] = rounded_shift(sums[place], bits[0])
        along[:] = 0
        for tap in range(column_weights.shape[0]):
            taken = sums[3 * tap :]
            for column in range(column_weights.shape[1]):
                weight, start = column_weights[tap, column], starts[column]
                along[3 * column] += weight * taken[start]
                along[3 * column + 1] += weight * taken[start + 1]
                along[3 * column + 2] += weight * taken[start + 2]
        for place in range(targets):
            shrunk[row, place] = min(max(rounded_shift(along[place], bits[1]), 0), 255)
    return shrunk.reshape(row_weights.shape[0], column_weights.shape[1], 3)


@jit
def luminance(grey: np.ndarray, side: int, one: int) -> np.ndarray:
    """Returns uint16[side, side]: the mean over each part of an image, times `one`, rounded down.

    Args:
        grey: uint8[height, width], whose parts may end within pixels.
        side: at most 128.
    """
    height, width = grey.shape
    means = np.empty((side, side), np.uint16)
    within, sums, area = np.empty(width, np.uint16), np.zeros(width + 1, np.int32), np.float64(height * width)
    edges = np.arange(1, side + 1) * width
    ends, parts = edges // side, edges % side
    upto = np.zeros(width + 1, np.int64)
    for down in range(side):
        first, last = down * height, (down + 1) * height
        start, end = -(-first // side), last // side  # of the rows that lie within it as a whole
        above, below = start * side - first, last - end * side
        if start > end:
            above, below = height, 0
        upper, lower = grey[max(start, 1) - 1], grey[min(end, height - 1)]
        for column in range(width):  # at most twice 255 times the side: 16 bits hold it
            within[column] = np.uint16(above) * np.uint16(upper[column]) + np.uint16(below) * np.uint16(lower[column])
        for column in range(width):
            sums[column] = np.int32(within[column])
        for block in range(start, end, 256):  # of so many rows, too
            within[:] = 0
            for row in range(block, min(block + 256, end)):
                line = grey[row]
                for column in range(width):
                    within[column] += np.uint16(line[column])
            for column in range(width):
                sums[column] += np.int32(side) * np.int32(within[column])
        total = before = np.int64(0)
        for column in range(width):
            total += np.int64(sums[column])
            upto[column + 1] = total
        for across in range(side):
            edge = upto[ends[across]] * side + parts[across] * np.int64(sums[ends[across]])
            # Both are whole and below 2**53: rounded or not, the quotient is not on the other side of a whole number.
            means[down, across] = np.uint16(np.float64((edge - before) * one) / area)
            before = edge
    return means
