"""128-bit hashes of an image as copies of it look that are cut on one side, turned, mirrored, framed or written upon.

A copy that is cut or turned a little has one of the first seven as its whole hash, as with crops. The last two are
compared with one another: of what lies within borders of one colour, and of its centre, which text at the top and at
the bottom leaves alone. Both are made in an orientation that the content itself tells, so that a mirrored copy and one
that is turned by 90 degrees have the same.

Whole numbers only, so that the bits are the same on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from babelsift.filters.image.hashing.luminance import GREY_SIDE, luminance_of_grey
from babelsift.filters.image.hashing.phash import CROP_BYTES, FREQUENCIES, LOW_BITS, window_cosines
from babelsift.filters.image.hashing.structure import structure_of

VIEW_CROPS = 7  # four sides cut off, two turns, what lies within the borders
ORIENTED_VIEWS = 2  # what lies within the borders again, and its centre
VIEWS_BYTES = (VIEW_CROPS + ORIENTED_VIEWS) * CROP_BYTES + ORIENTED_VIEWS
_CUT = 0.1
_WHOLE, _START, _END = (FREQUENCIES * number for number in range(3))
_COSINES = np.concatenate([window_cosines(*cut) for cut in ((0, 0), (_CUT, 0), (0, _CUT))])
_SIDES = np.array(
    [(_WHOLE, _WHOLE), (_WHOLE, _START), (_WHOLE, _END), (_START, _WHOLE), (_END, _WHOLE)]  # the first is not kept
)
_TWICE_WHOLE = np.array([(_WHOLE, _WHOLE)] * 2)

_TURN_BITS = 12
_TURN = round(math.tan(math.radians(3)) * (1 << _TURN_BITS))

_CENTRE = (13, GREY_SIDE - 13)  # three fifths of either side
_CENTRE_COSINES = window_cosines(_CENTRE[0] / GREY_SIDE, 1 - _CENTRE[1] / GREY_SIDE)
_WITHIN = slice(*_CENTRE)
_ALL = (0, GREY_SIDE)
_WHOLE_COSINES = _COSINES[:FREQUENCIES]
_MIN_STRUCTURE = 0.1
_ABSENT = bytes(CROP_BYTES)  # which no image has: half of its frequencies have more than the median


def view_hashes(luminance: np.ndarray, grey: np.ndarray, content: np.ndarray) -> bytes:
    """Returns an image's hashes as its copies may look: VIEWS_BYTES.

    They are CROP_BYTES each: of one side cut off, left, right, top, bottom; of the image turned, clockwise and back; of
    what lies within its borders, where it has any; of that in its own orientation, and of its centre in its own, too.
    Zeros stand where there is too little to hash. The orientations of the last two follow, a byte each.

    Args:
        luminance: uint16[64, 64], what `luminance_of` makes of the image.
        grey: uint8[height, width], the image's grey levels.
        content: uint8[n, m], those of what lies within its borders.
    """
    from babelsift.filters.image.hashing.hash_kernels import window_hashes

    _, sides = window_hashes(luminance, _COSINES, _SIDES, FREQUENCIES, LOW_BITS)
    slopes = _TURN * grey.shape[0] // grey.shape[1], _TURN * grey.shape[1] // grey.shape[0]
    turns = [_turned_hash(luminance, sign, slopes) for sign in (1, -1)]
    is_framed = content.shape != grey.shape
    inner = luminance_of_grey(content) if is_framed else luminance
    upright, oriented = _ABSENT, [(_ABSENT, 0), (_ABSENT, 0)]
    if not is_framed:
        oriented[0] = _oriented_hash(inner, _WHOLE_COSINES, _ALL)
    elif structure_of(inner) >= _MIN_STRUCTURE:
        upright, oriented[0] = _whole_hash(inner), _oriented_hash(inner, _WHOLE_COSINES, _ALL)
    if structure_of(inner[_WITHIN, _WITHIN]) >= _MIN_STRUCTURE:
        oriented[1] = _oriented_hash(inner, _CENTRE_COSINES, _CENTRE)
    orientations = bytes(orientation for _, orientation in oriented)
    return b"".join([sides.tobytes(), *turns, upright, *(bits for bits, _ in oriented), orientations])


@dataclass(frozen=True)
class ViewHashes:
    """The hashes of n images' views, apart.

    Attributes:
        crops: uint8[n, VIEW_CROPS, CROP_BYTES], compared with whole images' hashes.
        oriented: uint8[n, ORIENTED_VIEWS, CROP_BYTES], each compared with the same view of other images.
        orientations: uint8[n, ORIENTED_VIEWS], 0 to 7, in which an image has what its view shows.
        exists: bool[n, VIEW_CROPS + ORIENTED_VIEWS], of all of these in turn: whether there is something to compare.
    """

    crops: np.ndarray
    oriented: np.ndarray
    orientations: np.ndarray
    exists: np.ndarray


def split_views(views: np.ndarray) -> ViewHashes:
    """Returns the parts of what `view_hashes` gives.

    Args:
        views: uint8[n, VIEWS_BYTES].
    """
    hashes = views[:, :-ORIENTED_VIEWS].reshape(-1, VIEW_CROPS + ORIENTED_VIEWS, CROP_BYTES)
    crops, oriented, orientations = hashes[:, :VIEW_CROPS], hashes[:, VIEW_CROPS:], views[:, -ORIENTED_VIEWS:]
    return ViewHashes(crops, oriented, orientations, exists=np.asarray(hashes.any(axis=2)))


def _turned_hash(luminance: np.ndarray, sign: int, slopes: tuple[int, int]) -> bytes:
    """Two shears turn an image by so little that the third would move no pixel by a tenth of itself."""
    from babelsift.filters.image.hashing.view_kernels import sheared

    return _whole_hash(sheared(sheared(luminance, sign * slopes[0], _TURN_BITS), -sign * slopes[1], _TURN_BITS))


def _whole_hash(luminance: np.ndarray) -> bytes:
    from babelsift.filters.image.hashing.hash_kernels import window_hashes

    return window_hashes(luminance, _WHOLE_COSINES, _TWICE_WHOLE, FREQUENCIES, LOW_BITS)[1].tobytes()


def _oriented_hash(luminance: np.ndarray, cosines: np.ndarray, window: tuple[int, int]) -> tuple[bytes, int]:
    from babelsift.filters.image.hashing.view_kernels import oriented_hash

    bits, orientation = oriented_hash(luminance, cosines, window, LOW_BITS)
    return bits.tobytes(), int(orientation)
