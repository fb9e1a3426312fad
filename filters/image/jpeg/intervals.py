"""Loops that divide a JPEG's entropy-coded data at their markers, compiled by numba."""

from __future__ import annotations

import numpy as np

from babelsift.filters.jit import jit

PADDING_BYTES = 1024  # zeros behind the data, since a block that is begun is read to its end


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
def match_intervals(restarts: np.ndarray, count: int, owners: np.ndarray) -> None:
    """Sets which of the intervals that were found each expected interval is; -1: it is lost.

    Args:
        restarts: int64[m], of each interval that was found the number of the marker before it.
        count: how many there are.
        owners: int64[n], is set.
    """
    owners[:] = -1
    expected = 0
    for interval in range(count):
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
