"""Which near-duplicate images are kept: the greedy independent set of their links, in order of rank and uid."""

from __future__ import annotations

import numpy as np

from babelsift.filters.bytes16 import halves
from babelsift.filters.dedup.greedy_independent_set import greedy_independent_set
from babelsift.filters.dedup.images.image_links import bits_of_256, nearest_of_pairs, order_by_rank


def nearest_kept_images(links: np.ndarray) -> np.ndarray:
    """Decides which images are kept: in order of (rank, uid), those that are linked to no kept image before them.

    Args:
        links: IMAGE_LINK[n], in any order; equal links may come several times.

    Returns:
        IMAGE_LINK[m], one for each uid that is left out, sorted by uid, to its nearest kept image (ties: rank, uid).
    """
    links = nearest_of_pairs(links)
    if not len(links):
        return links
    before, after = _numbered(links)
    kept = greedy_independent_set(after, before, 1 + int(max(before.max(), after.max())))
    chosen = ~kept[after] & kept[before]
    links, before, after = links[chosen], before[chosen], after[chosen]
    order = np.lexsort((before, links["crop"], bits_of_256(links), after))
    after = after[order]
    nearest = links[order][np.r_[True, after[1:] != after[:-1]]] if len(order) else links
    return nearest[np.lexsort(halves(nearest["uid"])[::-1])]


def _numbered(links: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the kept candidates and the others as their row numbers in the order of (rank, uid)."""
    rank, uids = np.r_[links["survivor_rank"], links["rank"]], np.r_[links["survivor"], links["uid"]]
    order = order_by_rank(rank, uids)
    sorted_ids = np.stack([rank, *halves(uids)], axis=1)[order]
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.cumsum(np.r_[False, (sorted_ids[1:] != sorted_ids[:-1]).any(axis=1)])
    return numbers[: len(links)], numbers[len(links) :]
