"""Bits of 64-bit words, in loops compiled by numba."""

from __future__ import annotations

import numpy as np

from babelsift.filters.jit import jit


@jit
def bits_set(value: np.uint64) -> np.int64:
    """Returns how many bits are set; LLVM knows the idiom and makes an instruction of it.

    Args:
        value: the word.

    >>> int(bits_set(np.uint64(0b1011)))
    3
    """
    value = value - ((value >> np.uint64(1)) & np.uint64(0x5555555555555555))
    value = (value & np.uint64(0x3333333333333333)) + ((value >> np.uint64(2)) & np.uint64(0x3333333333333333))
    value = (value + (value >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((value * np.uint64(0x0101010101010101)) >> np.uint64(56))
