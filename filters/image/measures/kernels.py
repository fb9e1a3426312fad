"""Loops over pixels that measures are made of; compiled by numba, each a call."""

from __future__ import annotations

import numpy as np

from babelsift.filters.jit import jit

# Brightness is the root of weighted squares, in thousandths: 241 of red's, 691 of green's, 68 of blue's.
_BRIGHTEST = 255 * 255 * 1000
_SHIFT = 14  # 3969 steps, finer than 1/2000 where thresholds lie
_STEPS = (_BRIGHTEST >> _SHIFT) + 1


def compile_measures() -> None:
    """Compiles what is not compiled yet."""
    count_pixels(np.zeros((1, 1, 3), np.uint8), 1)
    edges(np.zeros((4, 4), np.uint16), (np.zeros(2, np.int64), np.ones((2, 1), np.int64)), 4, 0)


@jit
def count_pixels(pixels: np.ndarray, step: int) -> tuple[float, float, float, float, float, float]:
    """Returns (brightness of the mean colour, of the 5th and 99th percentile, its deviation; entropy; colour).

    See `PixelMeasures`.

    Args:
        pixels: uint8[height, width, 3], BGR.
        step: every so-manieth pixel of every so-manieth row is counted.
    """
    squared, values = np.zeros(_STEPS, np.int32), np.zeros(768, np.int32)
    apart, count = np.int64(0), 0
    for row in range(step // 2, pixels.shape[0], step):
        line = pixels[row]
        for column in range(step // 2, pixels.shape[1], step):
            blue, green, red = np.int64(line[column, 0]), np.int64(line[column, 1]), np.int64(line[column, 2])
            values[blue] += 1
            values[256 + green] += 1
            values[512 + red] += 1
            squared[(68 * blue * blue + 691 * green * green + 241 * red * red) >> _SHIFT] += 1
            apart += max(blue, green, red) - min(blue, green, red)
            count += 1
    sums, entropy = np.zeros(3), 0.0
    for value in range(768):
        if values[value]:
            sums[value >> 8] += (value & 255) * values[value]
            entropy -= values[value] / (3 * count) * np.log2(values[value] / (3 * count))
    means = sums / count / 255
    mean_colour = np.sqrt(0.068 * means[0] ** 2 + 0.691 * means[1] ** 2 + 0.241 * means[2] ** 2)
    total = squares = 0.0
    for level in range(_STEPS):
        if squared[level]:
            total += _brightness(level) * squared[level]
            squares += _brightness(level) ** 2 * squared[level]
    deviation = np.sqrt(max(0.0, squares / count - (total / count) ** 2))
    low, high = _percentile(squared, count, 0.05), _percentile(squared, count, 0.99)
    return mean_colour, low, high, deviation, entropy, apart / count / 255


@jit
def _brightness(level: int) -> float:
    """Returns the brightness in the middle of a step, 0 and 1 at the ends."""
    if level == 0 or level == _STEPS - 1:
        return 0.0 if level == 0 else 1.0
    return np.sqrt((level + 0.5) * (1 << _SHIFT) / _BRIGHTEST)


@jit
def _percentile(squared: np.ndarray, count: int, share: float) -> float:
    """Returns the brightness below which a share of the pixels lies, between two of them as numpy has it."""
    place = share * (count - 1)
    level, upto = 0, np.int64(squared[0])
    while upto < np.floor(place) + 1:
        level += 1
        upto += squared[level]
    after = level
    if upto < np.floor(place) + 2 and place > np.floor(place):
        after += 1
        while squared[after] == 0:
            after += 1
    return _brightness(level) + (_brightness(after) - _brightness(level)) * (place - np.floor(place))


@jit
def edges(luminance: np.ndarray, rows: tuple[np.ndarray, np.ndarray], across: int, bits: int) -> tuple[float, float]:
    """Returns the standard deviations of the edges, and of how often there is each of 256 grey levels.

    An edge is eight times a pixel less its eight neighbours, cut to 0 to 255, as Pillow's FIND_EDGES has it; pixels on
    the outside stay as they are.

    Args:
        luminance: uint16[n, across], grey levels with 8 bits behind the point.
        rows: (int64[targets], the first row that each target is made of; int64[targets, taps], weights times 2**bits).
        across: n of the second axis.
        bits: as said.
    """
    firsts, weights = rows
    height, grey, levels = len(firsts), np.empty((len(firsts), across), np.int64), np.zeros(256, np.int64)
    half = np.int64(1) << (bits + 7)
    for row in range(height):
        for column in range(across):
            total = half
            for tap in range(weights.shape[1]):
                total += weights[row, tap] * np.int64(luminance[firsts[row] + tap, column])
            level = max(0, min(255, int(total >> (bits + 8))))
            grey[row, column] = level
            levels[level] += 1
    total = squares = np.int64(0)
    for row in range(height):
        for column in range(across):
            value = grey[row, column]
            if 0 < row < height - 1 and 0 < column < across - 1:
                around = np.int64(0)
                for near in range(row - 1, row + 2):
                    around += grey[near, column - 1] + grey[near, column] + grey[near, column + 1]
                value = min(max(9 * value - around, 0), 255)
            total += value
            squares += value * value
    mean = total / (height * across)
    spread = 0.0
    for level in range(256):
        spread += (levels[level] - height * across / 256) ** 2
    return np.sqrt(max(0.0, squares / (height * across) - mean * mean)), np.sqrt(spread / 256)
