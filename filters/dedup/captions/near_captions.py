"""Near-duplicate captions: candidates verified by Jaccard similarity, and which caption of each cluster is kept."""

from __future__ import annotations

import numpy as np

from babelsift.filters.dedup.captions.candidates import number_uids
from babelsift.filters.dedup.captions.jaccard import jaccard_similarities
from babelsift.filters.dedup.captions.shingles import ShingleSets
from babelsift.filters.dedup.greedy_independent_set import greedy_independent_set
from babelsift.filters.sorted_groups import group_ranks

# Links a caption that are kept to decide by, those to the lowest uids.
LINKS_PER_CAPTION = 8

# A caption and a caption of lower uid, `survivor`, that is near it.
CAPTION_LINK = np.dtype([("uid", "V16"), ("survivor", "V16"), ("jaccard", "<f4")])


def near_caption_links(pairs: np.ndarray, uids: np.ndarray, sets: ShingleSets, *, min_jaccard: float) -> np.ndarray:
    """Returns the pairs that are similar enough.

    Args:
        pairs: CAPTION_PAIR[n].
        uids: V16[k], the uid of each set; every uid of the pairs is among them.
        sets: k captions.
        min_jaccard: 0 to 1.

    Returns:
        CAPTION_LINK[m].
    """
    distinct, numbers = number_uids(np.concatenate([uids, pairs["uid"], pairs["survivor"]]))
    set_of = np.empty(len(distinct), dtype=np.int64)
    set_of[numbers[: len(uids)]] = np.arange(len(uids))
    first, second = set_of[numbers[len(uids) :]].reshape(2, -1)
    similarities = jaccard_similarities(sets, first, second, minimum=min_jaccard)
    near = np.flatnonzero(similarities >= min_jaccard)
    links = np.empty(len(near), dtype=CAPTION_LINK)
    links["uid"], links["survivor"] = pairs["uid"][near], pairs["survivor"][near]
    links["jaccard"] = similarities[near]
    return links


def lowest_links(links: np.ndarray) -> np.ndarray:
    """Returns at most LINKS_PER_CAPTION of each caption's links: those to the lowest uids.

    Args:
        links: CAPTION_LINK[n], all links of the captions that they are of, each once.

    Returns:
        CAPTION_LINK[m].
    """
    _, later = number_uids(links["uid"])
    _, earlier = number_uids(links["survivor"])
    order = np.lexsort((earlier, later))
    return links[order][group_ranks(later[order]) < LINKS_PER_CAPTION]


def nearest_kept_captions(links: np.ndarray) -> np.ndarray:
    """Decides which captions are kept: in order of uid, those that are linked to no kept caption of lower uid.

    Args:
        links: CAPTION_LINK[n], in any order, each once.

    Returns:
        CAPTION_LINK[m], one for each uid that is left out, sorted by uid, to its most similar kept caption (ties: the
        lowest uid).
    """
    uids, numbers = number_uids(np.concatenate([links["uid"], links["survivor"]]))
    later, earlier = numbers[: len(links)], numbers[len(links) :]
    kept = greedy_independent_set(later, earlier, len(uids))
    valid = np.flatnonzero(~kept[later] & kept[earlier])
    order = valid[np.lexsort((earlier[valid], -links["jaccard"][valid], later[valid]))]
    return links[order][group_ranks(later[order]) == 0]
