"""Exact deduplication: of all rows with one digest, the one with the lowest uid survives.

A claim says that a row has a digest. Claims combine associatively (`first_of_each`), so a digest that half of all rows
share needs no more memory than any other.
"""

from __future__ import annotations

import numpy as np

# digest: 16 bytes. uid: the 16 bytes of the uid. row_key: tells apart rows of one uid. rows: rows with that digest.
CLAIM = np.dtype([("digest", "V16"), ("uid", "V16"), ("row_key", "<u8"), ("rows", "<i8")])


def claims(digests: np.ndarray, uids: np.ndarray, row_keys: np.ndarray) -> np.ndarray:
    """Returns one claim a row.

    Args: digests: V16[n] or S16[n]. uids: V16[n], raw bytes of the uids. row_keys: uint64[n].
    Returns: CLAIM[n].
    """
    made = np.empty(len(digests), dtype=CLAIM)
    made["digest"] = digests.view("V16")
    made["uid"] = uids.view("V16")
    made["row_key"] = row_keys
    made["rows"] = 1
    return made


def first_of_each(parts: list[np.ndarray], *, ranked: bool = False) -> np.ndarray:
    """Merges claims: one a digest, that of the lowest (uid, row_key), its `rows` the sum.

    Args: parts: CLAIM[n] each. ranked: the lowest (row_key, uid) instead. Returns: CLAIM[m], sorted by digest.
    """
    merged = np.concatenate(parts) if parts else np.empty(0, dtype=CLAIM)
    if not len(merged):
        return merged
    # As numbers, rows are moved thrice as fast as structs.
    numbers = merged.view("<u8").reshape(len(merged), -1)
    merged = numbers[_sorted_order(merged, ranked)].view(CLAIM).ravel()
    starts = np.flatnonzero(np.r_[True, merged["digest"][1:] != merged["digest"][:-1]])
    first = merged[starts].copy()
    first["rows"] = np.add.reduceat(merged["rows"], starts)
    return first


def _sorted_order(unsorted: np.ndarray, ranked: bool) -> np.ndarray:
    """The order of `first_of_each`: one sort by the digest's first half, and a full one of the few that tie."""
    high, _ = _halves(unsorted["digest"])
    order = np.argsort(high, kind="stable")
    same = high[order][1:] == high[order][:-1]
    ties = np.flatnonzero(np.r_[same, False] | np.r_[False, same])
    if len(ties):
        rows = order[ties]
        tied = unsorted[rows]
        uid, row_key = _halves(tied["uid"])[::-1], (tied["row_key"],)
        keys = (*uid, *row_key) if ranked else (*row_key, *uid)
        order[ties] = rows[np.lexsort((*keys, *_halves(tied["digest"])[::-1]))]
    return order


def repeated(first: np.ndarray) -> np.ndarray:
    """Returns those of the merged claims that more than one row made."""
    return first[first["rows"] > 1]


class DigestIndex:
    """Sorted digests, made ready once for many searches."""

    def __init__(self, known: np.ndarray) -> None:
        """Args: known: V16[m], sorted as bytes, each once."""
        self._high, self._low = _halves(known)

    def position_of(self, values: np.ndarray) -> np.ndarray:
        """Returns where each value is among the digests.

        Args: values: V16[n] or S16[n]. Returns: int64[n], index, or -1 where the value is not there.
        """
        if not len(self._high):
            return np.full(len(values), -1)
        high, low = _halves(values.view("V16"))
        # Searching in order walks through memory once, where random order misses the cache at every step.
        order = np.argsort(high)
        found = np.empty(len(high), dtype=np.int64)
        found[order] = np.searchsorted(self._high, high[order])
        # Equal high halves lie next to each other; almost always there is but one, so walk the few that are not.
        while True:
            inside = np.minimum(found, len(self._high) - 1)
            same_high = (found < len(self._high)) & (self._high[inside] == high)
            behind = same_high & (self._low[inside] < low)
            if not behind.any():
                return np.where(same_high & (self._low[inside] == low), inside, -1)
            found = found + behind


class Survivors:
    """Which rows survive, asked batch by batch."""

    def __init__(self, first: np.ndarray) -> None:
        """Args: first: CLAIM[m] sorted by digest, as `first_of_each` returns."""
        self.claims = first
        self._index = DigestIndex(first["digest"])

    def losers_to(self, digests: np.ndarray, row_keys: np.ndarray) -> np.ndarray:
        """Returns, for each row, the claim that it loses to.

        Args: digests: V16[n] or S16[n]. row_keys: uint64[n].
        Returns: int64[n], index into `claims`, or -1 where the row survives.
        """
        if not len(self.claims):
            return np.full(len(digests), -1)
        found = self._index.position_of(digests)
        return np.where((found >= 0) & (self.claims["row_key"][found] != row_keys), found, -1)


def losers_to(first: np.ndarray, digests: np.ndarray, row_keys: np.ndarray) -> np.ndarray:
    """Returns, for each row, the claim that it loses to, for one batch; see `Survivors`."""
    return Survivors(first).losers_to(digests, row_keys)


def position_of(known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Returns where each value is in a sorted array, for one batch; see `DigestIndex`."""
    return DigestIndex(known).position_of(values)


def _halves(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two big-endian 64-bit halves of 16-byte values: they order and compare as the bytes do, only faster."""
    pairs = np.ascontiguousarray(values).view(">u8").reshape(-1, 2)
    return pairs[:, 0].astype(np.uint64), pairs[:, 1].astype(np.uint64)
