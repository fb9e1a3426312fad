"""The loop of a resize along one axis, compiled by numba: one call without the interpreter's lock."""

from __future__ import annotations

import numpy as np

from babelsift.filters.jit import jit


@jit
def weigh_lines(lines: np.ndarray, starts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns uint8[targets, values]: weighted sums of neighbouring lines, rounded to whole levels.

    Args:
        lines: uint8[sources, values].
        starts: int32[targets].
        weights: int32[targets, taps], of 22 bits.
    """
    values = lines.shape[1]
    targets = np.empty((starts.shape[0], values), np.uint8)
    sums = np.empty(values, np.int32)
    for target in range(starts.shape[0]):
        sums[:] = np.int32(1 << 21)
        for tap in range(weights.shape[1]):
            weight = weights[target, tap]
            if weight != 0:
                line = lines[starts[target] + tap]
                for place in range(values):
                    sums[place] += weight * np.int32(line[place])
        for place in range(values):
            targets[target, place] = min(max(sums[place] >> np.int32(22), np.int32(0)), np.int32(255))
    return targets
