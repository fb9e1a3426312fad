"""Loops over pixels, compiled by numba: each is one call without the interpreter's lock.

In numpy each is many short calls, and beside other decoders and the network loop every one of them waits for the lock;
in-process that took twice the time that it took alone. All of it is in whole numbers, so that results are the same on
every machine.
"""

from __future__ import annotations

import numpy as np

from filters.compiled import compiled


def compile_all() -> None:
    """Compiles what is not compiled yet: whoever does so holds the interpreter's lock, and downloads time out."""
    taps = np.zeros(1, np.uint32), np.ones((1, 1), np.int32)
    shrink(np.zeros((1, 1, 3), np.uint8), taps, taps, (np.int32(1), np.int32(1)))
    luminance(np.zeros((1, 1), np.uint8), 1, 1)
    gradients(np.zeros((1, 1)), 1.0)
    commonest(np.zeros(1, np.int64), 1, 1)


@compiled
def _shifted(total: int, bits: int) -> int:
    one = np.int32(1)
    return (total + ((one << (bits - one)) - one) + ((total >> bits) & one)) >> bits


@compiled
def shrink(
    cells: np.ndarray,
    down: tuple[np.ndarray, np.ndarray],
    across: tuple[np.ndarray, np.ndarray],
    bits: tuple[np.int32, np.int32],
) -> np.ndarray:
    """Returns uint8[targets down, targets across, 3]: weighted sums of cells along both axes.

    Args: cells: uint8[rows, columns, 3]. down: (uint32[targets], the first row of each; int32[targets, taps], their
        weights). across: (uint32[targets], the first value of each, three to a column; int32[taps, targets], weights).
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
            sums[place] = _shifted(sums[place], bits[0])
        along[:] = 0
        for tap in range(column_weights.shape[0]):
            taken = sums[3 * tap :]
            for column in range(column_weights.shape[1]):
                weight, start = column_weights[tap, column], starts[column]
                along[3 * column] += weight * taken[start]
                along[3 * column + 1] += weight * taken[start + 1]
                along[3 * column + 2] += weight * taken[start + 2]
        for place in range(targets):
            shrunk[row, place] = min(max(_shifted(along[place], bits[1]), 0), 255)
    return shrunk.reshape(row_weights.shape[0], column_weights.shape[1], 3)


@compiled
def luminance(grey: np.ndarray, side: int, one: int) -> np.ndarray:
    """Returns uint16[side, side]: the mean over each part of an image, times `one`, rounded down.

    Args: grey: uint8[height, width], whose parts may end within pixels.
    """
    height, width = grey.shape
    means = np.empty((side, side), np.uint16)
    sums = np.empty(width, np.int32)
    for down in range(side):
        sums[:] = 0
        first, last = down * height, (down + 1) * height
        for row in range(first // side, -(-last // side)):
            weight = np.int32(min(last, (row + 1) * side) - max(first, row * side))
            for column in range(width):
                sums[column] += weight * np.int32(grey[row, column])
        for across in range(side):
            total = np.int64(0)
            start, end = across * width, (across + 1) * width
            for column in range(start // side, -(-end // side)):
                weight = min(end, (column + 1) * side) - max(start, column * side)
                total += weight * np.int64(sums[column])
            means[down, across] = total * one // (height * width)
    return means


@compiled
def gradients(levels: np.ndarray, percent: float) -> int:
    """Returns the sum of the steps from each value to the next, down and across, each cut to whole percents.

    Args: levels: float64[n, n]. percent: of which step a percent is the hundredth.
    """
    total = 0
    rows, columns = levels.shape
    for row in range(rows):
        for column in range(columns):
            if row + 1 < rows:
                total += int(abs(levels[row + 1, column] - levels[row, column]) * 100 / percent)
            if column + 1 < columns:
                total += int(abs(levels[row, column + 1] - levels[row, column]) * 100 / percent)
    return total


@compiled
def commonest(counts: np.ndarray, around: int, times: int) -> int:
    """Returns how many there are of the commonest values and of those around them, so many times taken away.

    Args: counts: int64[n], of each value; is changed. around: how many values are taken for one, an odd number.
    """
    found = 0
    reach = around // 2
    for _ in range(times):
        most = best = -1
        for value in range(len(counts)):
            total = 0
            for near in range(max(0, value - reach), min(len(counts), value + reach + 1)):
                total += counts[near]
            if total > most:
                most, best = total, value
        found += most
        for near in range(max(0, best - reach), min(len(counts), best + reach + 1)):
            counts[near] = 0
    return found
