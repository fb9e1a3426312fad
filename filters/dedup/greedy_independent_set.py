"""Clusters as stars: of things linked in pairs, each is left out only if it is linked to one that stays.

So a chain of small steps never joins two things that are far apart, and of a cluster one always stays.
"""

from __future__ import annotations

import numpy as np

_UNDECIDED, _STAYS, _OUT = 0, 1, 2


def left_out_by_stars(later: np.ndarray, earlier: np.ndarray, count: int) -> np.ndarray:
    """Decides, as if one by one in their order: each that is linked to an earlier one that stays is left out.

    All that depend on nothing undecided are decided at once, round by round. In a random order, as that of uids, there
    are about as many rounds as the logarithm of `count` (Fischer and Noever, 2018).

    Args: later, earlier: int64[n], the ends of each link, later > earlier, below `count`.
    Returns: bool[count], True where it is left out.
    """
    state = np.full(count, _UNDECIDED, dtype=np.uint8)
    while len(later):
        waiting = np.zeros(count, dtype=bool)
        waiting[later] = True
        state[earlier[~waiting[earlier]]] = _STAYS
        state[later[state[earlier] == _STAYS]] = _OUT
        # What is left of those that wait for nobody any more: their links were all to such as are out.
        undecided = (state[later] == _UNDECIDED) & (state[earlier] != _OUT)
        freed = waiting & (state == _UNDECIDED)
        freed[later[undecided]] = False
        state[freed] = _STAYS
        later, earlier = later[undecided], earlier[undecided]
    return state == _OUT
