"""Finds hashes that lie near one of very many, in loops compiled by numba.

A hash of 256 bits has 16 words of 16 bits. Of two hashes that differ in at most 31 bits, one of the words differs in at
most one. So each word of an image's hash, and each that differs from it in one bit, is looked up among the entries'.
"""

from __future__ import annotations

import numpy as np

from babelsift.filters.bits import bits_set
from babelsift.filters.jit import jit

WORDS = 16
WORD_VALUES = 1 << 16
_LONG_WORDS = 4


@jit
def are_near(hashes: np.ndarray, entries: np.ndarray, starts: np.ndarray, order: np.ndarray, radius: int) -> np.ndarray:
    """Returns bool[n], whether a hash lies within the radius of any entry.

    Args:
        hashes: uint64[n, 4].
        entries: uint64[m, 4].
        starts: int32[16, 65537], for each word and each of its values where in `order` its entries begin.
        order: int32[16, m], the entries' rows by each word's value.
        radius: bits, at most 31.
    """
    near = np.zeros(len(hashes), np.bool_)
    for row in range(len(hashes)):
        for word in range(WORDS):
            value = (hashes[row, word >> 2] >> np.uint64(16 * (word & 3))) & np.uint64(WORD_VALUES - 1)
            near[row] = _is_near_in(hashes[row], entries, starts[word], order[word], (np.int64(value), radius))
            if near[row]:
                break
    return near


@jit
def _is_near_in(
    wanted: np.ndarray, entries: np.ndarray, starts: np.ndarray, order: np.ndarray, limits: tuple[int, int]
) -> bool:
    """Returns whether an entry with the value of a word, or one that differs from it in one bit, is near."""
    value, radius = limits
    for flip in range(WORDS + 1 if radius >= WORDS else 1):
        bucket = value if flip == 0 else value ^ (1 << (flip - 1))
        for place in range(starts[bucket], starts[bucket + 1]):
            entry, bits = order[place], np.int64(0)
            for long_word in range(_LONG_WORDS):
                bits += bits_set(entries[entry, long_word] ^ wanted[long_word])
            if bits <= radius:
                return True
    return False
