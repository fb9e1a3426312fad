"""Which rows hang together by links between pairs: the connected components of a graph, in a form that merges.

A row is the first eight bytes of its uid. Two rows that share them count as one, and what hangs on either hangs
together: what is decided of it lies in one place a little more often than need be.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from babelsift.filters.bytes16 import halves

# A row, and the lowest row that it hangs together with; of that one there is no record.
MEMBER = np.dtype([("row", "<u8"), ("lowest", "<u8")])


def members_of_links(links: np.ndarray) -> np.ndarray:
    """Returns the members of links, merged: MEMBER[m].

    Args:
        links: records with `uid` and `survivor`, V16[n] each.
    """
    members = np.empty(len(links), MEMBER)
    members["row"], members["lowest"] = halves(links["uid"])[0], halves(links["survivor"])[0]
    return merge_members([members])


def merge_members(chunks: Sequence[np.ndarray]) -> np.ndarray:
    """Merges what hangs together in any of several graphs. Merging is associative.

    Args:
        chunks: any number of MEMBER[n]; the two rows of a record hang together, whichever is the lower.

    Returns:
        MEMBER[m], sorted by row, one a row that is not the lowest of its component: fewer than there are rows.

    >>> chain = np.array([(3, 2), (2, 1), (9, 8)], MEMBER)
    >>> merge_members([chain]).tolist()
    [(2, 1), (3, 1), (9, 8)]
    """
    edges = np.concatenate([np.empty(0, MEMBER), *chunks])
    rows, numbers = np.unique(np.concatenate([edges["row"], edges["lowest"]]), return_inverse=True)
    lowest = _lowest_connected(numbers[: len(edges)], numbers[len(edges) :], len(rows))
    others = np.flatnonzero(lowest != np.arange(len(rows)))
    merged = np.empty(len(others), MEMBER)
    merged["row"], merged["lowest"] = rows[others], rows[lowest[others]]
    return merged


def lowest_of(members: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Returns the lowest row that each row hangs together with; the row itself where no member says so.

    Args:
        members: as `merge_members` returns.
        rows: uint64[n].

    Returns:
        uint64[n].
    """
    if not len(members):
        return rows
    index = np.minimum(np.searchsorted(members["row"], rows), len(members) - 1)
    return np.where(members["row"][index] == rows, members["lowest"][index], rows)


def _lowest_connected(first: np.ndarray, second: np.ndarray, count: int) -> np.ndarray:
    """Returns int64[count], the lowest row number of each row's component: roots hook on to lower ones, round by round.

    Shiloach and Vishkin (1982), An O(log n) parallel connectivity algorithm.
    """
    root = np.arange(count)
    while len(first):
        low, high = np.minimum(root[first], root[second]), np.maximum(root[first], root[second])
        apart = low != high
        first, second = first[apart], second[apart]
        np.minimum.at(root, high[apart], low[apart])
        while (root[root] != root).any():
            root = root[root]
    return root
