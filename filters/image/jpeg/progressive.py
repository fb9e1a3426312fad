"""The walks over a progressive JPEG's scans, compiled by numba: they find where the data end and decode no values.

Source: ITU-T T.81 (1992), annexes G.1.2 and G.2. Of damaged data they read what libjpeg reads.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from babelsift.filters.image.jpeg.bit_reader import (
    HOLE_COEFFICIENTS,
    LOOKUP_SHIFT,
    NO_CODE,
    NOTHING_SUSPECT,
    ONE,
    WINDOW_BITS,
    ZERO_RUN_BITS,
    Tables,
    Whole,
    long_code,
    window_at,
)
from babelsift.filters.jit import jit


@jit
def walk_first_dc(
    words: np.ndarray,
    span: tuple[int, int],
    tables: Tables,
    layout: np.ndarray,
    units: int,
) -> tuple[Whole, Whole, Whole]:
    """Reads an interval of a progressive scan of first DC values; as `walk_sequential`."""
    short, longest, offsets, symbols = tables
    position, end, suspect = np.uint64(span[0]), np.uint64(span[1]), NOTHING_SUSPECT
    for unit in range(units):
        for block in range(len(layout)):
            table, window = layout[block, 0], window_at(words, position)
            entry = np.int64(short[table, window >> LOOKUP_SHIFT])
            if entry == 0:
                entry = long_code(window, table, longest, offsets, symbols)
                if entry == NO_CODE and suspect == NOTHING_SUSPECT:
                    suspect = unit
            position += np.uint64((entry >> 8) + (entry & 15))
        if position > end:
            return unit, suspect, 0
    return units, suspect, np.int64((end - position) >> np.uint64(3))


@jit
def walk_first_ac(
    words: np.ndarray,
    span: tuple[int, int],
    tables: Tables,
    band: tuple[int, int],
    non_zero: np.ndarray,
) -> tuple[Whole, Whole, Whole]:
    """Reads an interval of a progressive scan of first AC values; as `walk_sequential`.

    Args:
        words: as there.
        span: as there.
        tables: as there, of which the first one is the scan's.
        band: the first and the last coefficient.
        non_zero: uint64[blocks of the interval]; the bits of coefficients that are not zero are set.
    """
    coefficients: Whole
    coefficient: Any  # of any whole type
    run_of_blocks: Any
    block: Any
    short, longest, offsets, symbols = tables
    position, end, suspect = np.uint64(span[0]), np.uint64(span[1]), NOTHING_SUSPECT
    first, last = band
    block, blocks = 0, len(non_zero)
    zeros_from, zero_block, coefficients = position, 0, 0  # as in walk_sequential
    while block < blocks:
        coefficient, run_of_blocks = first, 1
        while coefficient <= last:
            window = window_at(words, position)
            if window != 0:
                zeros_from, zero_block, coefficients = position + WINDOW_BITS, block, 0
            elif coefficients >= HOLE_COEFFICIENTS and position >= zeros_from + ZERO_RUN_BITS:
                return zero_block, suspect, 0
            entry = np.int64(short[0, window >> LOOKUP_SHIFT])
            if entry == 0:
                entry = long_code(window, 0, longest, offsets, symbols)
                if entry == NO_CODE and suspect == NOTHING_SUSPECT:
                    suspect = block
            length, run, size = entry >> 8, (entry >> 4) & 15, entry & 15
            position += np.uint64(length + size)
            coefficients += size > 0
            if size == 0 and run != 15:
                if run > 0:
                    more = (window << np.uint64(length)) >> np.uint64(64 - run)
                    run_of_blocks = (1 << run) + np.int64(more)
                    position += np.uint64(run)
                break
            coefficient += run
            if size > 0:
                non_zero[block] |= ONE << np.uint64(min(coefficient, 63))
            coefficient += 1
        if coefficient > last + 1 and suspect == NOTHING_SUSPECT:
            suspect = block
        if position > end:
            return block, suspect, 0
        block += run_of_blocks
    return blocks, suspect, np.int64((end - position) >> np.uint64(3))


@jit
def walk_more_ac(
    words: np.ndarray,
    span: tuple[int, int],
    tables: Tables,
    band: tuple[int, int],
    non_zero: np.ndarray,
) -> tuple[Whole, Whole, Whole]:
    """Reads an interval of a progressive scan that refines AC values; as `walk_first_ac`."""
    coefficients: Whole
    run_of_blocks: Whole
    short, longest, offsets, symbols = tables
    position, end, suspect = np.uint64(span[0]), np.uint64(span[1]), NOTHING_SUSPECT
    first, last = band
    run_of_blocks = 0
    zeros_from, zero_block, coefficients, looked_upto = position, 0, 0, position  # as in walk_sequential
    for block in range(len(non_zero)):
        coefficient = first
        while run_of_blocks == 0 and coefficient <= last:
            window = window_at(words, position)
            if window != 0:
                zeros_from, zero_block, coefficients = position + WINDOW_BITS, block, 0
            elif position > looked_upto:  # bits that correct what is known were not looked at
                zeros_from, zero_block, coefficients = position, block, 0
            elif coefficients >= HOLE_COEFFICIENTS and position >= zeros_from + ZERO_RUN_BITS:
                return zero_block, suspect, 0
            looked_upto = position + WINDOW_BITS
            entry = np.int64(short[0, window >> LOOKUP_SHIFT])
            if entry == 0:
                entry = long_code(window, 0, longest, offsets, symbols)
                if entry == NO_CODE and suspect == NOTHING_SUSPECT:
                    suspect = block
            length, run, size = entry >> 8, (entry >> 4) & 15, entry & 15
            position += np.uint64(length)
            coefficients += size > 0
            if size > 0:
                position += ONE  # a sign
            elif run != 15:
                more = (window << np.uint64(length)) >> np.uint64(63 - run) >> ONE
                run_of_blocks = (1 << run) + np.int64(more)
                position += np.uint64(run)
                break
            while coefficient <= last:
                if (non_zero[block] >> np.uint64(coefficient)) & ONE:
                    position += ONE  # a bit of what is not zero already
                elif run == 0:
                    break
                else:
                    run -= 1
                coefficient += 1
            if size > 0:
                non_zero[block] |= ONE << np.uint64(min(coefficient, 63))
                if coefficient > last and suspect == NOTHING_SUSPECT:
                    suspect = block
            coefficient += 1
        if run_of_blocks > 0:
            while coefficient <= last:
                position += (non_zero[block] >> np.uint64(coefficient)) & ONE
                coefficient += 1
            run_of_blocks -= 1
        if position > end:
            return block, suspect, 0
    return len(non_zero), suspect, np.int64((end - position) >> np.uint64(3))
