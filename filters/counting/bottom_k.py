"""How many different things go with one: the URLs of a caption, the captions of a URL, counted no further than needed.

To know that a caption is on more than N images, N + 1 of them are enough. So each key keeps its N + 1 lowest members,
and a key that a million rows share needs no more memory than one that N + 1 share.
"""

from __future__ import annotations

import numpy as np

# key: digest of what is counted for. member: digest of what is counted.
MEMBERSHIP = np.dtype([("key", "V16"), ("member", "V16")])


def memberships(keys: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Returns MEMBERSHIP[n].

    Args:
        keys, members: V16[n] or S16[n].
    """
    made = np.empty(len(keys), dtype=MEMBERSHIP)
    made["key"], made["member"] = keys.view("V16"), members.view("V16")
    return made


def lowest_members(parts: list[np.ndarray], most: int) -> np.ndarray:
    """Merges memberships: of each key its `most` lowest different members. Merging is associative.

    Args:
        parts: MEMBERSHIP[n] each.
        most: >= 1.

    Returns:
        MEMBERSHIP[m], sorted by key, then member.
    """
    merged = np.concatenate(parts) if parts else np.empty(0, dtype=MEMBERSHIP)
    if not len(merged):
        return merged
    numbers = merged.view(">u8").reshape(len(merged), 4).astype(np.uint64)
    order = np.lexsort((numbers[:, 3], numbers[:, 2], numbers[:, 1], numbers[:, 0]))
    numbers, merged = numbers[order], merged[order]
    same = numbers[1:] == numbers[:-1]
    different = np.r_[True, ~same.all(axis=1)]
    numbers, merged = numbers[different], merged[different]
    opens = np.r_[True, (numbers[1:, :2] != numbers[:-1, :2]).any(axis=1)]
    starts = np.flatnonzero(opens)
    rank = np.arange(len(merged)) - np.repeat(starts, np.diff(np.r_[starts, len(merged)]))
    return merged[rank < most]


def members_at_rank(merged: np.ndarray, rank: int, *, more_than: int) -> np.ndarray:
    """Returns the memberships at a rank, from 0, of their key's, of those keys that have more than so many members.

    Args:
        merged: as `lowest_members` returns, with more than `more_than` kept a key; `rank` < `more_than`.

    Returns:
        MEMBERSHIP[k], sorted by key.
    """
    keys, starts, rows = np.unique(merged["key"], return_index=True, return_counts=True)
    return merged[starts[rows > more_than] + rank] if len(keys) else merged


def keys_with_more_than(merged: np.ndarray, maximum: int) -> np.ndarray:
    """Returns the keys that have more than `maximum` members.

    Args:
        merged: as `lowest_members` returns, with more than `maximum` kept a key.

    Returns:
        V16[k], sorted.
    """
    if len(merged) <= maximum:
        return np.empty(0, dtype="V16")
    # Sorted by key: the key that stands `maximum` places further on is the same where there are that many more.
    return np.unique(merged["key"][maximum:][merged["key"][maximum:] == merged["key"][: len(merged) - maximum]])
