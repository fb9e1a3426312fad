"""Which perceptual hashes say enough for a crop to be known by them.

What an image shows along one edge, or in one corner, a frame or a strip of another colour, is the product of what it
is across and what it is down. Its frequencies' signs are the product of 16 signs and 16 others: every row of its hash
is another one or that one's inverse. Of 256 bits 31 are left, and an image has so many crops that one of them agrees
with a stranger's by chance.
"""

from __future__ import annotations

import numpy as np

_SIDE = 16  # frequencies a side of a hash
# Of the sum of squared products of each two rows: a product of signs has 65 536, random bits have 7 936, photographs
# 5 000 to 18 000. Of strips and corners that were taken for one another, one at least had more.
_MOST_ALIKE = 20_000


def has_varied_rows(hashes: np.ndarray) -> np.ndarray:
    """Returns bool[n]: whether the rows of frequencies of a hash are more than one of them over and over.

    Args:
        hashes: uint64[n, 4].
    """
    rows = np.ascontiguousarray(hashes).view(np.uint16).reshape(-1, _SIDE)
    alike = np.full(len(rows), _SIDE**3, dtype=np.int64)  # of each row with itself
    for step in range(1, _SIDE):
        differing = np.bitwise_count(rows ^ np.roll(rows, step, axis=1)).astype(np.int32)
        alike += np.square(_SIDE - 2 * differing).sum(axis=1)
    return alike < _MOST_ALIKE
