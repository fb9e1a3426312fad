"""Counts the distinct members of each key in bounded memory: the URLs of a caption, or the captions of a URL.

N + 1 members are enough to know that a caption is on more than N images. So each key keeps its N + 1 lowest members,
and a key that a million rows share needs no more memory than a key that N + 1 rows share.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from babelsift.filters.sorted_groups import group_ranks

# key: digest of a caption or URL. member: digest of what is counted for it.
MEMBERSHIP = np.dtype([("key", "V16"), ("member", "V16")])


def memberships(keys: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Returns a membership a row.

    Args:
        keys: V16[n] or S16[n].
        members: V16[n] or S16[n].

    Returns:
        MEMBERSHIP[n].
    """
    made = np.empty(len(keys), dtype=MEMBERSHIP)
    made["key"], made["member"] = keys.view("V16"), members.view("V16")
    return made


def lowest_members(chunks: Sequence[np.ndarray], most: int) -> np.ndarray:
    """Merges memberships: keeps the `most` lowest distinct members of each key. Merging is associative.

    Args:
        chunks: any number of MEMBERSHIP[n].
        most: members a key, >= 1.

    Returns:
        MEMBERSHIP[m], sorted by key, then member.

    >>> made = memberships(np.array([b"k"] * 3, "S16"), np.array([b"c", b"a", b"b"], "S16"))
    >>> [member.tobytes()[:1] for member in lowest_members([made], 2)["member"]]
    [b'a', b'b']
    """
    merged = np.concatenate(chunks) if chunks else np.empty(0, dtype=MEMBERSHIP)
    if not len(merged):
        return merged
    numbers = merged.view(">u8").reshape(len(merged), 4).astype(np.uint64)
    order = np.lexsort((numbers[:, 3], numbers[:, 2], numbers[:, 1], numbers[:, 0]))
    numbers, merged = numbers[order], merged[order]
    distinct = np.r_[True, ~(numbers[1:] == numbers[:-1]).all(axis=1)]
    numbers, merged = numbers[distinct], merged[distinct]
    key_numbers = np.cumsum(np.r_[False, (numbers[1:, :2] != numbers[:-1, :2]).any(axis=1)])
    return merged[group_ranks(key_numbers) < most]


def members_at_rank(merged: np.ndarray, rank: int, *, more_than: int) -> np.ndarray:
    """Returns the membership at a rank of each key that has more than a number of members.

    Args:
        merged: as `lowest_members` returns, with more than `more_than` members kept a key.
        rank: from 0, below `more_than`.
        more_than: members.

    Returns:
        MEMBERSHIP[k], sorted by key.
    """
    keys, starts, rows = np.unique(merged["key"], return_index=True, return_counts=True)
    return merged[starts[rows > more_than] + rank] if len(keys) else merged


def keys_with_more_than(merged: np.ndarray, maximum: int) -> np.ndarray:
    """Returns the keys that have more than `maximum` members.

    Args:
        merged: as `lowest_members` returns, with more than `maximum` members kept a key.
        maximum: members.

    Returns:
        V16[k], sorted.
    """
    if len(merged) <= maximum:
        return np.empty(0, dtype="V16")
    # Sorted by key: the key `maximum` rows further on is the same where a key has more members than that.
    return np.unique(merged["key"][maximum:][merged["key"][maximum:] == merged["key"][: len(merged) - maximum]])
