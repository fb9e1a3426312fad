"""How much an image shows that tells it from others: blanks, gradients and flat logos have hashes that say little.

Such images come by the million, and each looks like many others to a hash of low frequencies. They are known by three
measures, of which the smallest counts, so that one threshold serves for all.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from babelsift.filters.image.hashing.luminance import GREY_SIDE

_GRADIENT_SCALE = 90  # PDQ's: a sum of gradients at which an image counts as fully structured, over 100
_SMOOTH_DEGREE = 3  # polynomials up to this one are what is taken for a gradient, linear or radial
_BASIS_BITS = 16  # sums with it are whole numbers that a float holds exactly
_FLAT_LEVELS = 9  # grey levels that pass for one colour: what compression makes of it
_FLAT_SCALE = 1.25  # an image of which two colours take 92 in 100 has a structure of 0.1


@cache
def _smooth_basis(side: int) -> np.ndarray:
    """int64[4, side]: an orthonormal basis of the polynomials of low degree, in fixed point."""
    basis, _ = np.linalg.qr(np.vander(np.linspace(-1, 1, side), _SMOOTH_DEGREE + 1))
    return np.ascontiguousarray(np.rint(basis.T * (1 << _BASIS_BITS)).astype(np.int64))


def structure_of(luminance: np.ndarray) -> float:
    """Returns from 0, nothing to tell the image by, to 1, as much as in a usual photograph.

    The measures are PDQ's sum of gradients; the same of what is left when a smooth gradient is taken away; and the
    share of the image that is of other colours than its two commonest.

    Args:
        luminance: uint16[n, n], what `luminance_of` makes of the image, or a part of it.
    """
    from babelsift.filters.image.hashing.hash_kernels import structure

    side, luminance = len(luminance), np.ascontiguousarray(luminance)
    steps, steps_of_rest, flat = structure(luminance, _smooth_basis(side), _BASIS_BITS, _FLAT_LEVELS)
    scale = _GRADIENT_SCALE * side // GREY_SIDE  # of an image of half the side, half as many steps are as much
    gradients = min(steps // scale, steps_of_rest // scale, 100) / 100
    return min(gradients, 1.0, round((1 - flat / luminance.size) * _FLAT_SCALE, 4))
