"""Finds lines of one colour at the edges of an image, in loops compiled by numba."""

from __future__ import annotations

import numpy as np

from babelsift.filters.jit import jit


def compile_borders() -> None:
    """Compiles what is not compiled yet."""
    grey = np.zeros((2, 2), np.uint8)
    border_lines(grey, 0, 2, 1, 0)
    border_lines(grey.T, 0, 2, 1, 0)


@jit
def border_lines(grey: np.ndarray, start: int, end: int, most: int, levels: int) -> tuple[int, int]:
    """Returns how many lines from the first on, and from the last on, are of the colour of the first and of the last.

    Args:
        grey: uint8[n, m], in any order in memory.
        start, end: the columns that are looked at.
        most: how many lines are looked at from either end.
        levels: how far a pixel may be from the middle of its end's outermost line.
    """
    counts = np.zeros(2, np.int64)
    for side in range(2):
        outermost = (len(grey) - 1) * side
        lowest = highest = np.int64(grey[outermost, start])
        for column in range(start, end):
            lowest, highest = min(lowest, grey[outermost, column]), max(highest, grey[outermost, column])
            if highest - lowest > 2 * levels:
                break
        middle = (lowest + highest) // 2
        is_border = bool(highest - lowest <= 2 * levels)
        while is_border and counts[side] < most:
            line = outermost + counts[side] * (1 - 2 * side)
            for column in range(start, end):
                if abs(np.int64(grey[line, column]) - middle) > levels + 1:
                    is_border = False
                    break
            counts[side] += is_border
    return counts[0], counts[1]
