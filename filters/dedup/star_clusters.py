"""Who is left out among near-duplicates: clusters are stars, so that a chain never joins images that are far apart.

In order of rank and uid, an image is left out if it lies within the radius of one that stays. Decided in rounds, all
images of a round at once: who has no undecided image before it stays, and who is near to one that stays goes. The order
is that of digests, so that few rounds do for any table.
"""

from __future__ import annotations

import numpy as np

from filters.dedup.near_duplicates import halves, nearest_of_pairs

_UNDECIDED, _STAYS, _GOES = 0, 1, 2


def nearest_survivors(links: np.ndarray) -> np.ndarray:
    """Decides who is left out: in order of (rank, uid), each that is linked to a survivor before it.

    Args: links: LINK[n], in any order, repeats allowed.
    Returns: LINK[m], one for each uid that is left out, sorted by uid, with its nearest survivor (ties: rank, uid).
    """
    links = nearest_of_pairs(links)
    if not len(links):
        return links
    before, after = _numbered(links)
    fates = _fates(before, after, 1 + int(max(before.max(), after.max())))
    chosen = (fates[after] == _GOES) & (fates[before] == _STAYS)
    links, before, after = links[chosen], before[chosen], after[chosen]
    bits = np.where(links["crop"] > 0, 2 * links["distance"], links["distance"])
    order = np.lexsort((before, links["crop"], bits, after))
    after = after[order]
    nearest = links[order][np.r_[True, after[1:] != after[:-1]]] if len(order) else links
    return nearest[np.lexsort(halves(nearest["uid"])[::-1])]


def _numbered(links: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The survivors and the others as their places in the order of (rank, uid)."""
    rank = np.r_[links["survivor_rank"], links["rank"]]
    high, low = halves(np.r_[links["survivor"], links["uid"]])
    order = np.lexsort((low, high, rank))
    sorted_ids = np.stack([rank, high, low], axis=1)[order]
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.cumsum(np.r_[False, (sorted_ids[1:] != sorted_ids[:-1]).any(axis=1)])
    return numbers[: len(links)], numbers[len(links) :]


def _fates(before: np.ndarray, after: np.ndarray, count: int) -> np.ndarray:
    fates = np.full(count, _UNDECIDED, dtype=np.uint8)
    while True:
        waits = np.zeros(count, dtype=bool)
        waits[after] = True
        fates[(fates == _UNDECIDED) & ~waits] = _STAYS
        goes = after[fates[before] == _STAYS]
        fates[goes] = _GOES
        undecided = (fates[after] == _UNDECIDED) & (fates[before] != _GOES)
        if not undecided.any() and not (fates == _UNDECIDED).any():
            return fates
        before, after = before[undecided], after[undecided]
