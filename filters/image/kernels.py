"""Loops over pixels, compiled by numba: each is one call without the interpreter's lock.

In numpy each is many short calls, and every one of them waits for the lock beside other decoders. All of it is in whole
numbers, so that results are the same on every machine.
"""

from __future__ import annotations

import numpy as np

from filters.compiled import compiled


def compile_all() -> None:
    """Compiles what is not compiled yet: whoever does so holds the interpreter's lock for seconds."""
    taps = np.zeros(1, np.uint32), np.ones((1, 1), np.int32)
    shrink(np.zeros((1, 1, 3), np.uint8), taps, taps, (np.int32(1), np.int32(1)))
    luminance(np.zeros((1, 1), np.uint8), 1, 1)
    structure(np.zeros((1, 1), np.uint16), np.ones((1, 1), np.int64), 1, 1)


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

    Args: grey: uint8[height, width], whose parts may end within pixels. side: at most 128.
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


@compiled
def structure(luminance: np.ndarray, basis: np.ndarray, bits: int, around: int) -> tuple[int, int, int]:
    """Returns (steps, steps without what is smooth, values that are of the two commonest): see `structure_of`.

    Args: luminance: uint16[n, n]. basis: int64[terms, n], orthonormal rows of what is smooth, times 2**bits. around:
        how many grey levels are taken for one.
    """
    levels = luminance.astype(np.int32)
    flat = commonest(value_counts(luminance, 8), around, 2)
    steps = step_percents(levels)
    return steps, step_percents(without_smooth(levels, basis, bits)), flat


@compiled
def value_counts(values: np.ndarray, shift: int) -> np.ndarray:
    """Returns int64[65536 >> shift]: how often there is each value of uint16[n, m], without its lowest bits."""
    counts = np.zeros(65536 >> shift, np.int64)
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            counts[values[row, column] >> shift] += 1
    return counts


@compiled
def step_percents(levels: np.ndarray) -> int:
    """Returns the sum of the steps from each value to the next, down and across, each cut to whole percents of white.

    Args: levels: int32[n, n], of at most 17 bits and a sign; white is 255 * 256.
    """
    total = np.int64(0)
    for row in range(levels.shape[0]):
        line, below = levels[row], levels[min(row + 1, levels.shape[0] - 1)]
        percents = np.int32(0)
        for column in range(levels.shape[1] - 1):
            percents += _percent(line[column + 1] - line[column])
        for column in range(levels.shape[1]):
            percents += _percent(below[column] - line[column])
        total += percents
    return total


@compiled
def _percent(step: int) -> int:
    one, eight = np.int32(1), np.int32(8)
    hundredfold = (abs(step) * np.int32(100)) >> eight
    return (hundredfold + one + (hundredfold >> eight)) >> eight  # divided by 255, exactly below 65 535


@compiled
def without_smooth(levels: np.ndarray, basis: np.ndarray, bits: int) -> np.ndarray:
    """Returns int32[n, n], what is left of the levels without their projection onto the basis, down and across.

    Args: levels: int32[n, n]. basis: int64[terms, n], orthonormal rows times 2**bits: at most 16 bits.
    """
    terms, side = basis.shape
    down, core = np.zeros((terms, side)), np.zeros((terms, terms), np.int64)
    for term in range(terms):
        for row in range(side):
            for column in range(side):  # of whole numbers below 2**53, which floats hold exactly and multiply faster
                down[term, column] += np.float64(basis[term, row]) * np.float64(levels[row, column])
    for term in range(terms):
        for other in range(terms):
            for column in range(side):
                core[term, other] += np.int64(down[term, column]) * basis[other, column]
    left, smooth = np.empty((side, side), np.int32), np.empty(side)
    for row in range(side):
        smooth[:] = 0.5 * (1 << 2 * bits)
        for other in range(terms):
            weight = np.int64(0)
            for term in range(terms):
                weight += basis[term, row] * (core[term, other] >> bits)
            for column in range(side):
                smooth[column] += np.float64(weight >> bits) * np.float64(basis[other, column])
        for column in range(side):
            left[row, column] = levels[row, column] - np.int32(np.floor(smooth[column] / (1 << 2 * bits)))
    return left


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
