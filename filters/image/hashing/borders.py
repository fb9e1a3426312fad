"""Borders of one colour around an image: letterboxes, frames, what was added to make it square."""

from __future__ import annotations

import numpy as np

_LEVELS = 12  # grey levels from a side's outermost line that are still its border: what compression makes of a colour
_AT_MOST = 0.45  # of a side's length: what is left of a blank image is its middle


def border_widths(grey: np.ndarray) -> tuple[int, int, int, int]:
    """Returns how many lines of one colour there are at an image's top, bottom, left and right, in px.

    Args:
        grey: uint8[height, width].

    >>> framed = np.zeros((10, 20), np.uint8)
    >>> framed[1:-2, 3:-4] = np.arange(0, 255, 20)
    >>> border_widths(framed)
    (1, 2, 4, 4)
    """
    from babelsift.filters.image.hashing.border_kernels import border_lines

    height, width = grey.shape
    grey = np.ascontiguousarray(grey)
    top, bottom = border_lines(grey, 0, width, int(height * _AT_MOST), _LEVELS)
    left, right = border_lines(grey.T, top, height - bottom, int(width * _AT_MOST), _LEVELS)
    return top, bottom, left, right


def within_borders(grey: np.ndarray) -> tuple[slice, slice]:
    """Returns the rows and the columns of an image that lie within its borders: all where there are none.

    Args:
        grey: uint8[height, width].
    """
    top, bottom, left, right = border_widths(grey)
    return slice(top, grey.shape[0] - bottom), slice(left, grey.shape[1] - right)
