"""Loops over a luminance, compiled by numba: what hashes and structure are made of, each one call.

In numpy they are a dozen short calls, and each of them waits for the interpreter's lock beside other decoders. All of
it is in whole numbers, so that results are the same on every machine.
"""

from __future__ import annotations

import numpy as np

from babelsift.filters.jit import jit, jit_of_whole_numbers


def compile_hashes() -> None:
    """Compiles what is not compiled yet."""
    window_hashes(np.zeros((2, 2), np.uint16), np.zeros((4, 2)), np.zeros((1, 2), np.int64), 4, np.zeros(8, np.int64))
    structure(np.zeros((1, 1), np.uint16), np.ones((1, 1), np.int64), 1, 1)


@jit
def window_hashes(
    luminance: np.ndarray, cosines: np.ndarray, windows: np.ndarray, frequencies: int, low: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (uint8[frequencies**2 / 8], the first window's hash; uint8[n - 1, m / 8], the low bits of the others').

    A hash says of each frequency, down and across, whether there is more of it than the median.

    Args:
        luminance: uint16[side, side].
        cosines: float64[rows, side], whole numbers whose products with any luminance, down and across, sum to less than
            2**53.
        windows: int64[n, 2], where their cosines begin, down and across.
        frequencies: how many cosines a window has, a multiple of 4.
        low: int64[m], the bits that are kept, in order.
    """
    levels = luminance.astype(np.float64)
    waves = np.empty((len(cosines), len(levels)))
    products(cosines, levels, waves)
    spectrum = np.empty((frequencies, frequencies))
    every = np.arange(frequencies * frequencies)
    first = np.zeros(len(every) // 8, np.uint8)
    others = np.zeros((len(windows) - 1, len(low) // 8), np.uint8)
    for window in range(len(windows)):
        down, across = windows[window, 0], windows[window, 1]
        products(cosines[down : down + frequencies], waves[across : across + frequencies], spectrum)
        if window:
            set_bits(spectrum, low, others[window - 1])
        else:
            set_bits(spectrum, every, first)
    return first, others


@jit
def set_bits(spectrum: np.ndarray, places: np.ndarray, bits: np.ndarray) -> None:
    """Sets those of the bits whose frequency has more than the median.

    Args:
        spectrum: float64[n, n], whole numbers.
        places: int64[m], the frequencies that have a bit, in order.
        bits: uint8[m / 8], zeros.
    """
    values = spectrum.ravel()
    median = upper_median(values)
    for bit in range(len(places)):
        bits[bit >> 3] |= (values[places[bit]] > median) << (~bit & 7)


@jit_of_whole_numbers
def products(rows: np.ndarray, others: np.ndarray, out: np.ndarray) -> None:
    """Sets out[n, m] to the products of each of the rows with each of the others.

    Args:
        rows: float64[n, k], n a multiple of 4.
        others: float64[m, k], m of 2; whole numbers.
    """
    for row in range(0, len(rows), 4):  # a tile of eight sums stays in registers
        a, b, c, d = rows[row], rows[row + 1], rows[row + 2], rows[row + 3]
        for other in range(0, len(others), 2):
            one, two = others[other], others[other + 1]
            a_one = b_one = c_one = d_one = a_two = b_two = c_two = d_two = 0.0
            for place in range(rows.shape[1]):
                a_one += a[place] * one[place]
                b_one += b[place] * one[place]
                c_one += c[place] * one[place]
                d_one += d[place] * one[place]
                a_two += a[place] * two[place]
                b_two += b[place] * two[place]
                c_two += c[place] * two[place]
                d_two += d[place] * two[place]
            out[row, other], out[row, other + 1] = a_one, a_two
            out[row + 1, other], out[row + 1, other + 1] = b_one, b_two
            out[row + 2, other], out[row + 2, other + 1] = c_one, c_two
            out[row + 3, other], out[row + 3, other + 1] = d_one, d_two


@jit_of_whole_numbers
def upper_median(values: np.ndarray) -> float:
    """Returns a value that lies where an even number's median does: as many exceed it as exceed the median.

    It is searched for from zero on, where the median of a spectrum is.

    Args:
        values: float64[n], whole numbers.
    """
    half, magnitudes = len(values) // 2, 0.0
    for place in range(len(values)):
        magnitudes += abs(values[place])
    high = np.floor(magnitudes / len(values) / 16) + 1
    low = -high
    while how_many_upto(values, low) >= half:
        low *= 4
    while how_many_upto(values, high) < half:
        high *= 4
    while high - low > 1:
        middle = np.floor((low + high) / 2)
        reached = how_many_upto(values, middle)
        if reached == half:
            return middle
        if reached < half:
            low = middle
        else:
            high = middle
    return high


@jit_of_whole_numbers
def how_many_upto(values: np.ndarray, most: float) -> float:
    """Returns how many of the values are at most that; as a float, since such counts are added several at once."""
    reached = 0.0
    for place in range(len(values)):
        reached += 1.0 if values[place] <= most else 0.0
    return reached


@jit
def structure(luminance: np.ndarray, basis: np.ndarray, bits: int, around: int) -> tuple[int, int, int]:
    """Returns (steps, steps without what is smooth, values that are of the two commonest): see `structure_of`.

    Args:
        luminance: uint16[n, n].
        basis: int64[terms, n], orthonormal rows of what is smooth, times 2**bits.
        around: how many grey levels are taken for one.
    """
    levels = luminance.astype(np.int32)
    flat = commonest(value_counts(luminance, 8), around, 2)
    steps = step_percents(levels)
    return steps, step_percents(without_smooth(levels, basis, bits)), flat


@jit
def value_counts(values: np.ndarray, shift: int) -> np.ndarray:
    """Returns int64[65536 >> shift]: how often there is each value of uint16[n, m], without its lowest bits."""
    counts = np.zeros(65536 >> shift, np.int64)
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            counts[values[row, column] >> shift] += 1
    return counts


@jit
def step_percents(levels: np.ndarray) -> int | np.integer:
    """Returns the sum of the steps from each value to the next, down and across, each cut to whole percents of white.

    Args:
        levels: int32[n, n], of at most 17 bits and a sign; white is 255 * 256.
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


@jit
def _percent(step: int) -> int | np.integer:
    one, eight = np.int32(1), np.int32(8)
    hundredfold = (abs(step) * np.int32(100)) >> eight
    return (hundredfold + one + (hundredfold >> eight)) >> eight  # divided by 255, exactly below 65 535


@jit
def without_smooth(levels: np.ndarray, basis: np.ndarray, bits: int) -> np.ndarray:
    """Returns int32[n, n], what is left of the levels without their projection onto the basis, down and across.

    Args:
        levels: int32[n, n].
        basis: int64[terms, n], orthonormal rows times 2**bits: at most 16 bits.
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


@jit
def commonest(counts: np.ndarray, around: int, times: int) -> int:
    """Returns how many there are of the commonest values and of those around them, so many times taken away.

    Args:
        counts: int64[n], of each value; is changed.
        around: how many values are taken for one, an odd number.
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
