"""The greedy independent set of a graph: of rows linked in pairs, a row is left out only if it is linked to a kept one.

So a chain of small steps never joins two rows that are far apart, and of a cluster one row is always kept.
"""

from __future__ import annotations

import numpy as np

_UNDECIDED, _KEPT, _OUT = 0, 1, 2


def greedy_independent_set(later: np.ndarray, earlier: np.ndarray, count: int) -> np.ndarray:
    """Returns which rows are kept when they are taken in order, and each that is linked to a kept earlier one is not.

    All rows that depend on nothing undecided are decided at once, round by round. In a random order, as that of uids,
    there are about as many rounds as the logarithm of `count`.

    Args:
        later: int64[n], a row of each link.
        earlier: int64[n], the other row of each link, below `later`.
        count: rows.

    Returns:
        bool[count], True where the row is kept.

    Source:
        Fischer and Noever (2018), Tight analysis of parallel randomized greedy MIS.

    >>> greedy_independent_set(np.array([1, 2]), np.array([0, 1]), 3).tolist()
    [True, False, True]
    """
    state = np.full(count, _UNDECIDED, dtype=np.uint8)
    while len(later):
        waiting = np.zeros(count, dtype=bool)
        waiting[later] = True
        state[earlier[~waiting[earlier]]] = _KEPT
        state[later[state[earlier] == _KEPT]] = _OUT
        # Rows that wait for no other any more are kept: all their links were to rows that are out.
        undecided = (state[later] == _UNDECIDED) & (state[earlier] != _OUT)
        freed = waiting & (state == _UNDECIDED)
        freed[later[undecided]] = False
        state[freed] = _KEPT
        later, earlier = later[undecided], earlier[undecided]
    return state != _OUT
