"""Loops over a JPEG's entropy-coded data, compiled by numba: they find where it ends and decode no values.

Source: ITU-T T.81 (1992), annexes F.2.2, G.1.2 and G.2. Of damaged data they read what libjpeg reads.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from babelsift.filters.image.jpeg.huffman import LOOKUP_BITS
from babelsift.filters.image.jpeg.structure import ZERO_RUN_BYTES
from babelsift.filters.jit import jit

SEQUENTIAL, FIRST_DC, FIRST_AC, MORE_AC = 0, 1, 2, 3  # kinds of scans; of those that refine DC values bits are counted
SURPLUS_BYTES = 16  # fewer bytes left over say nothing: libjpeg, which reads ahead, does not see the first eight
PADDING_BYTES = 1024  # zeros behind the data, since a block that is begun is read to its end
NOTHING_SUSPECT = -1
_HOLE_COEFFICIENTS = 32  # all of them negative, as zeros make them, which none in a thousand million such runs has been
_ZERO_RUN_BITS = np.uint64(8 * ZERO_RUN_BYTES)
_NO_CODE = 17 << 8  # where there is no code libjpeg takes 17 bits for symbol 0
_LONGER = LOOKUP_BITS + 1
_LOOKUP_SHIFT = np.uint64(64 - LOOKUP_BITS)
_ONE, _SIX, _LAST_BIT, _WINDOW_BITS = np.uint64(1), np.uint64(6), np.uint64(63), np.uint64(64)

_Whole: TypeAlias = int | np.integer  # numba's ints and NumPy's are one


@jit
def unstuff(
    data: np.ndarray, start: int, has_restarts: bool, clean: np.ndarray, ends: np.ndarray, restarts: np.ndarray
) -> tuple[int, int]:
    """Copies entropy-coded data without stuffed bytes and markers; returns (intervals, where the next marker begins).

    Args:
        data: uint8[n], the file.
        start: where the scan's data begin.
        has_restarts: whether restart markers divide it into intervals; otherwise they end it as any marker does.
        clean: uint8[n - start + PADDING_BYTES], is set.
        ends: int64[m], is set to where each interval ends in `clean`; what there is beyond m intervals is left out.
        restarts: int64[m], is set to the number of the restart marker before each interval; -1 for the first.
    """
    position, length, intervals, is_over = start, 0, 0, False
    restarts[0] = -1
    while position < len(data):
        byte = data[position]
        position += 1
        if byte != 0xFF:
            if not is_over:
                clean[length] = byte
                length += 1
            continue
        marker_at = position - 1
        while position < len(data) and data[position] == 0xFF:
            position += 1
        marker = data[position] if position < len(data) else 0xD9
        position += 1
        if marker == 0:
            if not is_over:
                clean[length] = 0xFF
                length += 1
        elif 0xD0 <= marker <= 0xD7 or marker == 1:
            if is_over:
                continue
            if marker != 1 and has_restarts and intervals + 1 < len(ends):
                ends[intervals] = length
                intervals += 1
                restarts[intervals] = marker - 0xD0
            else:
                is_over = True
        else:
            position = marker_at
            break
    ends[intervals] = length
    clean[length : length + PADDING_BYTES] = 0
    return intervals + 1, min(position, len(data))


@jit
def match_intervals(restarts: np.ndarray, found: int, owners: np.ndarray) -> None:
    """Sets which of the intervals that were found each expected interval is; -1: it is lost.

    Args:
        restarts: int64[m], of each interval that was found the number of the marker before it.
        found: how many there are.
        owners: int64[n], is set.
    """
    owners[:] = -1
    expected = 0
    for interval in range(found):
        if interval > 0:
            ahead = (restarts[interval] - (expected - 1)) & 7
            if ahead in (1, 2):  # markers before this one are lost
                expected += ahead
            elif ahead in (6, 7):  # an earlier one again
                continue
        if expected >= len(owners):
            return
        owners[expected] = interval
        expected += 1


@jit
def _window(words: np.ndarray, position: np.uint64) -> np.uint64:
    """The 64 bits from a position on."""
    word, shift = position >> _SIX, position & _LAST_BIT
    return (words[word] << shift) | ((words[word + _ONE] >> _ONE) >> (_LAST_BIT - shift))


@jit
def _long_code(window: np.uint64, table: int, longest: np.ndarray, offsets: np.ndarray, symbols: np.ndarray) -> _Whole:
    """Length * 256 + symbol of the code, longer than LOOKUP_BITS, that the bits begin with, or _NO_CODE."""
    for length in range(_LONGER, 17):
        code = np.int64(window >> np.uint64(64 - length))
        if code <= longest[table, length]:
            return (length << 8) | np.int64(symbols[table, (offsets[table, length] + code) & 255])
    return _NO_CODE


@jit
def walk_sequential(
    words: np.ndarray,
    span: tuple[int, int],
    tables: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    layout: np.ndarray,
    units: int,
) -> tuple[_Whole, _Whole, _Whole]:
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
    left: _Whole
    coefficient: _Whole
    short, longest, offsets, symbols = tables
    position, end, suspect = np.uint64(span[0]), np.uint64(span[1]), NOTHING_SUSPECT
    window, left = _window(words, position), 64
    zeros_from, zero_unit, coefficients = position, 0, 0  # of a run of zeros: where it begins, what was read since
    for unit in range(units):
        for block in range(len(layout)):
            table, coefficient = layout[block, 0], 0
            while coefficient < 64:
                if left < 32:  # a code and its value have at most 31 bits
                    window, left = _window(words, position), 64
                    if window != 0:
                        zeros_from, zero_unit, coefficients = position + _WINDOW_BITS, unit, 0
                    elif coefficients >= _HOLE_COEFFICIENTS and position >= zeros_from + _ZERO_RUN_BITS:
                        return zero_unit, suspect, 0
                entry = np.int64(short[table, window >> _LOOKUP_SHIFT])
                if entry == 0:
                    entry = _long_code(window, table, longest, offsets, symbols)
                    if entry == _NO_CODE and suspect == NOTHING_SUSPECT:
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


@jit
def walk_first_dc(
    words: np.ndarray,
    span: tuple[int, int],
    tables: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    layout: np.ndarray,
    units: int,
) -> tuple[_Whole, _Whole, _Whole]:
    """Reads an interval of a progressive scan of first DC values; as `walk_sequential`."""
    short, longest, offsets, symbols = tables
    position, end, suspect = np.uint64(span[0]), np.uint64(span[1]), NOTHING_SUSPECT
    for unit in range(units):
        for block in range(len(layout)):
            table, window = layout[block, 0], _window(words, position)
            entry = np.int64(short[table, window >> _LOOKUP_SHIFT])
            if entry == 0:
                entry = _long_code(window, table, longest, offsets, symbols)
                if entry == _NO_CODE and suspect == NOTHING_SUSPECT:
                    suspect = unit
            position += np.uint64((entry >> 8) + (entry & 15))
        if position > end:
            return unit, suspect, 0
    return units, suspect, np.int64((end - position) >> np.uint64(3))


@jit
def walk_first_ac(
    words: np.ndarray,
    span: tuple[int, int],
    tables: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    band: tuple[int, int],
    non_zero: np.ndarray,
) -> tuple[_Whole, _Whole, _Whole]:
    """Reads an interval of a progressive scan of first AC values; as `walk_sequential`.

    Args:
        words: as there.
        span: as there.
        tables: as there, of which the first one is the scan's.
        band: the first and the last coefficient.
        non_zero: uint64[blocks of the interval]; the bits of coefficients that are not zero are set.
    """
    coefficients: _Whole
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
            window = _window(words, position)
            if window != 0:
                zeros_from, zero_block, coefficients = position + _WINDOW_BITS, block, 0
            elif coefficients >= _HOLE_COEFFICIENTS and position >= zeros_from + _ZERO_RUN_BITS:
                return zero_block, suspect, 0
            entry = np.int64(short[0, window >> _LOOKUP_SHIFT])
            if entry == 0:
                entry = _long_code(window, 0, longest, offsets, symbols)
                if entry == _NO_CODE and suspect == NOTHING_SUSPECT:
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
                non_zero[block] |= _ONE << np.uint64(min(coefficient, 63))
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
    tables: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    band: tuple[int, int],
    non_zero: np.ndarray,
) -> tuple[_Whole, _Whole, _Whole]:
    """Reads an interval of a progressive scan that refines AC values; as `walk_first_ac`."""
    coefficients: _Whole
    run_of_blocks: _Whole
    short, longest, offsets, symbols = tables
    position, end, suspect = np.uint64(span[0]), np.uint64(span[1]), NOTHING_SUSPECT
    first, last = band
    run_of_blocks = 0
    zeros_from, zero_block, coefficients, looked_upto = position, 0, 0, position  # as in walk_sequential
    for block in range(len(non_zero)):
        coefficient = first
        while run_of_blocks == 0 and coefficient <= last:
            window = _window(words, position)
            if window != 0:
                zeros_from, zero_block, coefficients = position + _WINDOW_BITS, block, 0
            elif position > looked_upto:  # bits that correct what is known were not looked at
                zeros_from, zero_block, coefficients = position, block, 0
            elif coefficients >= _HOLE_COEFFICIENTS and position >= zeros_from + _ZERO_RUN_BITS:
                return zero_block, suspect, 0
            looked_upto = position + _WINDOW_BITS
            entry = np.int64(short[0, window >> _LOOKUP_SHIFT])
            if entry == 0:
                entry = _long_code(window, 0, longest, offsets, symbols)
                if entry == _NO_CODE and suspect == NOTHING_SUSPECT:
                    suspect = block
            length, run, size = entry >> 8, (entry >> 4) & 15, entry & 15
            position += np.uint64(length)
            coefficients += size > 0
            if size > 0:
                position += _ONE  # a sign
            elif run != 15:
                more = (window << np.uint64(length)) >> np.uint64(63 - run) >> _ONE
                run_of_blocks = (1 << run) + np.int64(more)
                position += np.uint64(run)
                break
            while coefficient <= last:
                if (non_zero[block] >> np.uint64(coefficient)) & _ONE:
                    position += _ONE  # a bit of what is not zero already
                elif run == 0:
                    break
                else:
                    run -= 1
                coefficient += 1
            if size > 0:
                non_zero[block] |= _ONE << np.uint64(min(coefficient, 63))
                if coefficient > last and suspect == NOTHING_SUSPECT:
                    suspect = block
            coefficient += 1
        if run_of_blocks > 0:
            while coefficient <= last:
                position += (non_zero[block] >> np.uint64(coefficient)) & _ONE
                coefficient += 1
            run_of_blocks -= 1
        if position > end:
            return block, suspect, 0
    return len(non_zero), suspect, np.int64((end - position) >> np.uint64(3))


@jit
def is_padding(clean: np.ndarray, start: int, end: int) -> bool:
    """Whether all bytes between two positions are the same, as an encoder pads with zeros."""
    return bool(np.all(clean[start:end] == clean[start]))


@jit
def walk_scan(
    kind: int,
    data: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    units: tuple[int, int],
    tables: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    layout: np.ndarray,
    band: tuple[int, int],
    non_zero: np.ndarray,
) -> tuple[int, int]:
    """Reads a scan; returns (units that are missing or damaged, bytes that are left over).

    In an interval that ends early or has bytes left over, everything from its first suspect unit on is damaged.

    Args:
        kind: SEQUENTIAL, FIRST_DC, FIRST_AC or MORE_AC.
        data: the clean bytes, the same as words, the intervals' ends, which of them each expected interval is.
        units: of the scan, of an interval.
        tables: `short`, `longest`, `offsets`, `symbols` of the HuffmanTables, stacked; of an AC scan one.
        layout: int64[blocks a unit, 2], the indices of their DC and AC tables.
        band: the first and the last coefficient.
        non_zero: uint64[units] for FIRST_AC and MORE_AC: which coefficients of each block are not zero.
    """
    clean, words, ends, owners = data
    missing = surplus = 0
    for interval in range(len(owners)):
        first = interval * units[1]
        count = min(units[1], units[0] - first)
        owner = owners[interval]
        if owner < 0:
            missing += count
            continue
        span = (8 * ends[owner - 1] if owner > 0 else 0, 8 * ends[owner])
        if kind == SEQUENTIAL:
            done, suspect, left = walk_sequential(words, span, tables, layout, count)
        elif kind == FIRST_DC:
            done, suspect, left = walk_first_dc(words, span, tables, layout, count)
        else:
            blocks = non_zero[first : first + count]
            if kind == FIRST_AC:
                done, suspect, left = walk_first_ac(words, span, tables, band, blocks)
            else:
                done, suspect, left = walk_more_ac(words, span, tables, band, blocks)
        if done < count or left >= SURPLUS_BYTES:
            whole = min(done, suspect) if suspect != NOTHING_SUSPECT else done
            missing += count - whole
            if whole == count and not is_padding(clean, ends[owner] - left, ends[owner]):
                surplus += left
    return missing, surplus
