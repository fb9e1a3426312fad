"""The walk over one scan of a JPEG, interval by interval, compiled by numba."""

from __future__ import annotations

import numpy as np

from babelsift.filters.image.jpeg.bit_reader import NOTHING_SUSPECT, Tables
from babelsift.filters.image.jpeg.progressive import walk_first_ac, walk_first_dc, walk_more_ac
from babelsift.filters.image.jpeg.sequential import walk_sequential
from babelsift.filters.jit import jit

SEQUENTIAL, FIRST_DC, FIRST_AC, MORE_AC = 0, 1, 2, 3  # kinds of scans; of those that refine DC values bits are counted
SURPLUS_BYTES = 16  # fewer bytes left over say nothing: libjpeg, which reads ahead, does not see the first eight


@jit
def is_padding(clean: np.ndarray, start: int, end: int) -> bool:
    """Whether all bytes between two positions are the same, as an encoder pads with zeros."""
    return bool(np.all(clean[start:end] == clean[start]))


@jit
def walk_scan(
    kind: int,
    data: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    units: tuple[int, int],
    tables: Tables,
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
