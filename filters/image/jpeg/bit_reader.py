"""Reading codes from a JPEG's data, bit by bit, and what all walks over such data have in common.

Compiled code is cached by the file that it is in: who changes this one in place touches those that import it, too.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from babelsift.filters.image.jpeg.huffman import LOOKUP_BITS
from babelsift.filters.image.jpeg.structure import ZERO_RUN_BYTES
from babelsift.filters.jit import jit

NOTHING_SUSPECT = -1
HOLE_COEFFICIENTS = 32  # all of them negative, as zeros make them, which none in a thousand million such runs has been
ZERO_RUN_BITS = np.uint64(8 * ZERO_RUN_BYTES)
NO_CODE = 17 << 8  # where there is no code libjpeg takes 17 bits for symbol 0
LOOKUP_SHIFT = np.uint64(64 - LOOKUP_BITS)
ONE, WINDOW_BITS = np.uint64(1), np.uint64(64)
_SIX, _LAST_BIT = np.uint64(6), np.uint64(63)
_LONGER = LOOKUP_BITS + 1

Whole: TypeAlias = int | np.integer  # numba's ints and NumPy's are one
Tables: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # see `stacked_tables`


@jit
def window_at(words: np.ndarray, position: np.uint64) -> np.uint64:
    """The 64 bits from a position on."""
    word, shift = position >> _SIX, position & _LAST_BIT
    return (words[word] << shift) | ((words[word + ONE] >> ONE) >> (_LAST_BIT - shift))


@jit
def long_code(bits: np.uint64, table: int, longest: np.ndarray, offsets: np.ndarray, symbols: np.ndarray) -> Whole:
    """Length * 256 + symbol of the code, longer than LOOKUP_BITS, that the bits begin with, or NO_CODE."""
    for length in range(_LONGER, 17):
        code = np.int64(bits >> np.uint64(64 - length))
        if code <= longest[table, length]:
            return (length << 8) | np.int64(symbols[table, (offsets[table, length] + code) & 255])
    return NO_CODE
