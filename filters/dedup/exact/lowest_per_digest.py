"""Exact deduplication: of all rows with one digest, the row with the lowest uid is kept.

A digest record says that a row has a digest. Merging records (`lowest_per_digest`) is associative, so a digest that
half of all rows share needs no more memory than any other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from babelsift.filters.bytes16 import halves

# digest: 16 bytes. uid: the 16 bytes of the uid. row_key: tells apart rows of one uid. rows: rows with that digest.
DIGEST_RECORD = np.dtype([("digest", "V16"), ("uid", "V16"), ("row_key", "<u8"), ("rows", "<i8")])


def digest_records(digests: np.ndarray, uids: np.ndarray, row_keys: np.ndarray) -> np.ndarray:
    """Returns one record a row.

    Args:
        digests: V16[n] or S16[n].
        uids: V16[n], the 16 bytes of each uid.
        row_keys: uint64[n].

    Returns:
        DIGEST_RECORD[n].
    """
    records = np.empty(len(digests), dtype=DIGEST_RECORD)
    records["digest"] = digests.view("V16")
    records["uid"] = uids.view("V16")
    records["row_key"] = row_keys
    records["rows"] = 1
    return records


def lowest_per_digest(records: Sequence[np.ndarray], *, ranked: bool = False) -> np.ndarray:
    """Merges records to one a digest: that of the lowest (uid, row_key), with the sum of all `rows`.

    Args:
        records: any number of DIGEST_RECORD[n].
        ranked: keep the lowest (row_key, uid) instead, where row keys are ranks.

    Returns:
        DIGEST_RECORD[m], sorted by digest.

    >>> records = digest_records(np.array([b"d", b"d"], "S16"), np.array([b"b", b"a"], "S16"), np.array([0, 1]))
    >>> lowest_per_digest([records])[["row_key", "rows"]].tolist()
    [(1, 2)]
    """
    merged = np.concatenate(records) if records else np.empty(0, dtype=DIGEST_RECORD)
    if not len(merged):
        return merged
    # As numbers, rows are moved thrice as fast as structs.
    numbers = merged.view("<u8").reshape(len(merged), -1)
    merged = numbers[_sorted_order(merged, ranked)].view(DIGEST_RECORD).ravel()
    starts = np.flatnonzero(np.r_[True, merged["digest"][1:] != merged["digest"][:-1]])
    lowest = merged[starts].copy()
    lowest["rows"] = np.add.reduceat(merged["rows"], starts)
    return lowest


def _sorted_order(records: np.ndarray, ranked: bool) -> np.ndarray:
    """Returns the order of `lowest_per_digest`: one sort by the digest's first half, a full one of the few ties."""
    high, _ = halves(records["digest"])
    order = np.argsort(high, kind="stable")
    same = high[order][1:] == high[order][:-1]
    ties = np.flatnonzero(np.r_[same, False] | np.r_[False, same])
    if len(ties):
        rows = order[ties]
        tied = records[rows]
        uid, row_key = halves(tied["uid"])[::-1], (tied["row_key"],)
        keys = (*uid, *row_key) if ranked else (*row_key, *uid)
        order[ties] = rows[np.lexsort((*keys, *halves(tied["digest"])[::-1]))]
    return order


def duplicated(lowest: np.ndarray) -> np.ndarray:
    """Returns the merged records of digests that more than one row has.

    Args:
        lowest: DIGEST_RECORD[m], as `lowest_per_digest` returns.
    """
    return lowest[lowest["rows"] > 1]


class DigestIndex:
    """Sorted digests, prepared once for many searches."""

    def __init__(self, known: np.ndarray) -> None:
        """Prepares the digests.

        Args:
            known: V16[m], sorted as bytes, each once.
        """
        self._high, self._low = halves(known)

    def position_of(self, digests: np.ndarray) -> np.ndarray:
        """Returns the index of each digest among the known ones.

        Args:
            digests: V16[n] or S16[n].

        Returns:
            int64[n], -1 where the digest is not known.
        """
        if not len(self._high):
            return np.full(len(digests), -1)
        high, low = halves(digests)
        # Searching in order walks through memory once, where random order misses the cache at every step.
        order = np.argsort(high)
        index = np.empty(len(high), dtype=np.int64)
        index[order] = np.searchsorted(self._high, high[order])
        # Equal high halves lie next to each other; almost always there is but one, so walk the few that are not.
        while True:
            inside = np.minimum(index, len(self._high) - 1)
            same_high = (index < len(self._high)) & (self._high[inside] == high)
            behind = same_high & (self._low[inside] < low)
            if not behind.any():
                return np.where(same_high & (self._low[inside] == low), inside, -1)
            index = index + behind


class KeptRows:
    """The kept row of each digest, looked up batch by batch.

    Attributes:
        records: DIGEST_RECORD[m], sorted by digest.
    """

    def __init__(self, records: np.ndarray) -> None:
        """Prepares the records.

        Args:
            records: DIGEST_RECORD[m], sorted by digest, as `lowest_per_digest` returns.
        """
        self.records = records
        self._index = DigestIndex(records["digest"])

    def duplicate_of(self, digests: np.ndarray, row_keys: np.ndarray, uids: np.ndarray | None = None) -> np.ndarray:
        """Returns for each row the record of the kept row that it duplicates.

        Args:
            digests: V16[n] or S16[n].
            row_keys: uint64[n].
            uids: V16[n], where row keys are ranks, which several rows may share; None: row keys tell rows apart.

        Returns:
            int64[n], index into `records`, -1 where the row itself is kept.
        """
        if not len(self.records):
            return np.full(len(digests), -1)
        index = self._index.position_of(digests)
        is_other = self.records["row_key"][index] != row_keys
        if uids is not None:
            is_other |= self.records["uid"][index] != uids
        return np.where((index >= 0) & is_other, index, -1)


def duplicate_of(records: np.ndarray, digests: np.ndarray, row_keys: np.ndarray) -> np.ndarray:
    """Returns for each row of one batch the record of the kept row that it duplicates; see `KeptRows`.

    Args:
        records: DIGEST_RECORD[m], the kept rows.
        digests: of the batch's rows, V16[n].
        row_keys: uint64[n], see `KeptRows`.
    """
    return KeptRows(records).duplicate_of(digests, row_keys)


def position_of(known: np.ndarray, digests: np.ndarray) -> np.ndarray:
    """Returns the index of each digest of one batch in a sorted array; see `DigestIndex`.

    Args:
        known: V16[m], sorted, distinct.
        digests: V16[n].
    """
    return DigestIndex(known).position_of(digests)
