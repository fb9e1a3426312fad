"""Matches the images of each document with its texts one to one, so that the similarities have the greatest sum.

1. Graph. A document's pairs are the edges between its images and its texts; equal texts are one.
2. Whole. Each image has an edge to a place of its own where it stays alone, which costs more than all pairs could gain:
   so as many images as can be have a text.
3. Match. scipy's sparse Jonker-Volgenant finds the cheapest matching. Images and texts stand in the order of their
   lowest uids, so that equal similarities are always decided alike.

The time grows with the square of a document's images. Of a document with more than MOST_IMAGES, which no page has, the
best pair of all is taken first, then the best of what is left, and so on.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np

from babelsift.schemas import ModelError

MOST_IMAGES = 10_000
_FAR = 2.0  # more than a cosine: an edge of zero would be none


def load_matching() -> ModuleType:
    """Returns scipy's sparse graphs.

    Raises:
        ModelError: scipy is not installed.
    """
    try:
        from scipy.sparse import csgraph
    except ImportError as error:
        raise ModelError("select.one_to_one_in needs scipy; pip install 'babelsift[documents]'") from error
    return csgraph


def match_one_to_one(
    documents: np.ndarray, images: np.ndarray, texts: np.ndarray, scores: np.ndarray, uids: np.ndarray
) -> np.ndarray:
    """Returns which pairs are matched: of each document as many as can be, and of those the ones of the greatest sum.

    Args:
        documents: [n], of any type that sorts: what names a pair's document.
        images: [n], what names its image.
        texts: [n], what names its text.
        scores: float[n], similarities; a pair with NaN is not matched.
        uids: [n], what orders pairs that come equal.

    Returns:
        bool[n].

    Raises:
        ModelError: scipy is not installed.

    Source: MMC4 (linear assignment of a document's images to its sentences by CLIP similarity).

    >>> images, texts = np.array(["i", "i", "j", "j"]), np.array(["s", "t", "s", "t"])
    >>> scores, uids = np.array([0.3, 0.2, 0.29, 0.1]), np.arange(4)
    >>> match_one_to_one(np.zeros(4, int), images, texts, scores, uids).tolist()
    [False, True, True, False]
    """
    matched = np.zeros(len(documents), dtype=bool)
    rows = np.flatnonzero(~np.isnan(scores))
    rows = rows[np.lexsort((uids[rows], documents[rows]))]
    _, starts = np.unique(documents[rows], return_index=True)
    for of_document in np.split(rows, starts[1:]):
        sides = _numbered(images[of_document]), _numbered(texts[of_document])
        match = _matching if sides[0].max(initial=0) < MOST_IMAGES else _best_first
        matched[of_document] = match(*sides, scores[of_document].astype(np.float64))
    return matched


def _numbered(names: np.ndarray) -> np.ndarray:
    """Returns int[n], a number for each name, by where it first is."""
    _, first, index = np.unique(names, return_index=True, return_inverse=True)
    order = np.empty(len(first), np.int64)
    order[np.argsort(first)] = np.arange(len(first))
    return order[index.reshape(-1)]


def _matching(images: np.ndarray, texts: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Returns bool[n], the edges of the matching; of an image's edges to one text the best is one of it."""
    if not len(scores):
        return np.zeros(0, dtype=bool)
    csgraph = load_matching()
    from scipy.sparse import csr_array

    count, width = images.max() + 1, texts.max() + 1
    best = np.lexsort((-scores, texts, images))
    best = best[np.append(True, (np.diff(images[best]) != 0) | (np.diff(texts[best]) != 0))]
    alone = np.full(count, 2 * _FAR * (count + 1))
    costs = np.concatenate([_FAR - scores[best], alone])
    sides = (
        np.concatenate([images[best], np.arange(count)]),
        np.concatenate([texts[best], width + np.arange(count)]),
    )
    graph = csr_array((costs, sides), shape=(count, width + count))
    of_image = np.full(count, -1)
    row, column = csgraph.min_weight_full_bipartite_matching(graph)
    of_image[row] = column
    matched = np.zeros(len(scores), dtype=bool)
    matched[best[of_image[images[best]] == texts[best]]] = True
    return matched


def _best_first(images: np.ndarray, texts: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Returns bool[n], the edges of a matching that takes the best edge first; of equal ones the first."""
    matched = np.zeros(len(scores), dtype=bool)
    taken: tuple[set[int], set[int]] = set(), set()
    for edge in np.argsort(-scores, kind="stable").tolist():
        image, text = int(images[edge]), int(texts[edge])
        if image not in taken[0] and text not in taken[1]:
            matched[edge] = True
            taken[0].add(image)
            taken[1].add(text)
    return matched
