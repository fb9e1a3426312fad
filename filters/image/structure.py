"""How much an image shows that tells it from others: blanks, gradients and flat logos have hashes that say little.

Such images come by the million, and each looks like many others to a hash of low frequencies. They are known by three
measures, of which the smallest counts, so that one threshold serves for all.
"""

from __future__ import annotations

import numpy as np

from filters.image.luminance import GREY_SIDE

_GREY_LEVEL = 256  # of luminance, which has 8 bits behind the point
_GRADIENT_SCALE = 90  # PDQ's: a sum of gradients at which an image counts as fully structured, over 100
_SMOOTH_DEGREE = 3  # polynomials up to this one are what is taken for a gradient, linear or radial
_FIXED_POINT = 1 << 12
_FLAT_LEVELS = 9  # grey levels that pass for one colour: what compression makes of it
_FLAT_SCALE = 1.25  # an image of which two colours take 92 in 100 has a structure of 0.1


def _smooth_projection() -> np.ndarray:
    """Projects 64 values onto the polynomials of low degree, in fixed point."""
    position = np.linspace(-1, 1, GREY_SIDE)
    basis, _ = np.linalg.qr(np.vander(position, _SMOOTH_DEGREE + 1))
    return np.rint(basis @ basis.T * _FIXED_POINT)


_SMOOTH = _smooth_projection()


def structure_of(luminance: np.ndarray) -> float:
    """Returns from 0, nothing to tell the image by, to 1, as much as in a usual photograph.

    The measures are PDQ's sum of gradients; the same of what is left when a smooth gradient is taken away; and the
    share of the image that is of other colours than its two commonest.

    Args: luminance: uint16[64, 64], what `luminance_of` makes of the image.
    """
    levels = luminance.astype(np.float64)
    rest = levels - _SMOOTH @ levels @ _SMOOTH / _FIXED_POINT**2
    return min(_gradients(levels), _gradients(rest), _other_colours(luminance))


def _gradients(levels: np.ndarray) -> float:
    from filters.image.kernels import gradients

    return min(gradients(levels, 255.0 * _GREY_LEVEL) // _GRADIENT_SCALE, 100) / 100


def _other_colours(luminance: np.ndarray) -> float:
    from filters.image.kernels import commonest, value_counts

    flat = commonest(value_counts(luminance, 8), _FLAT_LEVELS, 2)
    return min(1.0, round((1 - flat / luminance.size) * _FLAT_SCALE, 4))
