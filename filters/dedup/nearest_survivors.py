"""Who is left out among near-duplicate images, by stars: in order of rank and uid, who is near to one that stays."""

from __future__ import annotations

import numpy as np

from babelsift.filters.dedup.greedy_independent_set import left_out_by_stars
from babelsift.filters.dedup.near_duplicates import bits_of_256, halves, nearest_of_pairs, order_by_rank


def nearest_survivors(links: np.ndarray) -> np.ndarray:
    """Decides who is left out: in order of (rank, uid), each that is linked to a survivor before it.

    Args: links: LINK[n], in any order, repeats allowed.
    Returns: LINK[m], one for each uid that is left out, sorted by uid, with its nearest survivor (ties: rank, uid).
    """
    links = nearest_of_pairs(links)
    if not len(links):
        return links
    before, after = _numbered(links)
    out = left_out_by_stars(after, before, 1 + int(max(before.max(), after.max())))
    chosen = out[after] & ~out[before]
    links, before, after = links[chosen], before[chosen], after[chosen]
    order = np.lexsort((before, links["crop"], bits_of_256(links), after))
    after = after[order]
    nearest = links[order][np.r_[True, after[1:] != after[:-1]]] if len(order) else links
    return nearest[np.lexsort(halves(nearest["uid"])[::-1])]


def _numbered(links: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The survivors and the others as their places in the order of (rank, uid)."""
    rank, uids = np.r_[links["survivor_rank"], links["rank"]], np.r_[links["survivor"], links["uid"]]
    order = order_by_rank(rank, uids)
    sorted_ids = np.stack([rank, *halves(uids)], axis=1)[order]
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.cumsum(np.r_[False, (sorted_ids[1:] != sorted_ids[:-1]).any(axis=1)])
    return numbers[: len(links)], numbers[len(links) :]
