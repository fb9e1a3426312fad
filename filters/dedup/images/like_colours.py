"""Which images have so much the same colours that one may be a copy of the other."""

from __future__ import annotations

import numpy as np

_GREY = 4 * 32  # what compression leaves of no colour: four grey levels
_SHARE = (9, 20)  # of the larger colours, by which copies may differ; of strangers one in ten does not differ more


def have_like_colours(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns bool[n]: whether the colours of two images are alike, or one of them has none.

    A copy may be in grey, and paler or stronger by two fifths; text, borders and cuts take as much.

    Args:
        first, second: int16[n, 4], in 1/32 of a grey level: the means of red less green and of yellow less blue, and
            the spreads of both; zeros where they are not known.

    >>> red, others = [3000, 900, 400, 300], [[2300, 700, 300, 200], [-3000, 900, 400, 300], [0, 0, 0, 0]]
    >>> have_like_colours(np.array([red] * 3), np.array(others)).tolist()
    [True, False, True]
    """
    first, second = first.astype(np.int64), second.astype(np.int64)
    sizes = np.square(first).sum(axis=1), np.square(second).sum(axis=1)
    apart = np.square(first - second).sum(axis=1)
    is_grey = np.minimum(*sizes) < _GREY**2
    return is_grey | (apart * _SHARE[1] ** 2 <= np.maximum(*sizes) * _SHARE[0] ** 2)
