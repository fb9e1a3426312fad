"""The walk over a sequential scan of a JPEG, compiled by numba: it finds where the data end and decodes no values.

Source: ITU-T T.81 (1992), annex F.2.2. Of damaged data it reads what libjpeg reads.
"""

from __future__ import annotations

import numpy as np

from babelsift.filters.image.jpeg.bit_reader import (
    HOLE_COEFFICIENTS,
    LOOKUP_SHIFT,
    NO_CODE,
    NOTHING_SUSPECT,
    WINDOW_BITS,
    ZERO_RUN_BITS,
    Tables,
    Whole,
    long_code,
    window_at,
)
from babelsift.filters.jit import jit


@jit
def walk_sequential(
    words: np.ndarray,
    span: tuple[int, int],
    tables: Tables,
    layout: np.ndarray,
    units: int,
) -> tuple[Whole, Whole, Whole]:
    """Reads an interval of a sequential scan; returns (whole units, the first suspect one, bytes left over).

    Suspect is a unit with a coefficient beyond the 64 that there are or with a code that there is not: no encoder
    writes one. An interval ends where a hole of zeros begins.

    Args:
        words: uint64[n], the data, first bit highest, PADDING_BYTES of zeros behind it.
        span: the interval's first bit and the one behind its last.
        tables: `short`, `longest`, `offsets`, `symbols` of the HuffmanTables, stacked.
        layout: int64[blocks a unit, 2], the indices of their DC and AC tables.
        units: how many the interval has.
    """
    left: Whole
    coefficient: Whole
    short, longest, offsets, symbols = tables
    position, end, suspect = np.uint64(span[0]), np.uint64(span[1]), NOTHING_SUSPECT
    window, left = window_at(words, position), 64
    zeros_from, zero_unit, coefficients = position, 0, 0  # of a run of zeros: where it begins, what was read since
    for unit in range(units):
        for block in range(len(layout)):
            table, coefficient = layout[block, 0], 0
            while coefficient < 64:
                if left < 32:  # a code and its value have at most 31 bits
                    window, left = window_at(words, position), 64
                    if window != 0:
                        zeros_from, zero_unit, coefficients = position + WINDOW_BITS, unit, 0
                    elif coefficients >= HOLE_COEFFICIENTS and position >= zeros_from + ZERO_RUN_BITS:
                        return zero_unit, suspect, 0
                entry = np.int64(short[table, window >> LOOKUP_SHIFT])
                if entry == 0:
                    entry = long_code(window, table, longest, offsets, symbols)
                    if entry == NO_CODE and suspect == NOTHING_SUSPECT:
                        suspect = unit
                run, size = (entry >> 4) & 15, entry & 15
                bits = (entry >> 8) + size
                position += np.uint64(bits)
                window <<= np.uint64(bits)
                left -= bits
                if coefficient == 0:
                    table, coefficient = layout[block, 1], 1
                elif size == 0 and run != 15:
                    break
                else:
                    coefficient += run + 1
                    coefficients += 1
            if coefficient > 64 and suspect == NOTHING_SUSPECT:
                suspect = unit
            if position > end:
                return unit, suspect, 0
    return units, suspect, np.int64((end - position) >> np.uint64(3))
