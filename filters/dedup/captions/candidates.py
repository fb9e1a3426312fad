"""Pairs of captions that share a MinHash bucket: the candidates of near-duplicates.

Uids are the 16 bytes of each distinct caption's lowest uid. The number of candidates a caption is bounded: in a bucket
of more than BUCKET_CAP captions each is compared with two: the first, which is the likeliest to be kept, and of the
first BUCKET_CAP the caption whose sketch is most like its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from babelsift.filters.bytes16 import halves
from babelsift.filters.sorted_groups import group_ranks, group_sizes

BUCKET_CAP = 32
_LIKELIEST = 2
_ROWS_PER_CHUNK = 16_384

# bucket: one of the caption's buckets. sketch: the caption's. uid: whose caption it is.
BUCKET_ENTRY = np.dtype([("bucket", "<u8"), ("sketch", "<u8"), ("uid", "V16")])
# Two captions; `survivor`, of the lower uid, is the one that may be kept.
CAPTION_PAIR = np.dtype([("uid", "V16"), ("survivor", "V16")])


def bucket_entries(buckets: np.ndarray, sketches: np.ndarray, uids: np.ndarray) -> np.ndarray:
    """Returns one entry a caption and bucket.

    Args:
        buckets: uint64[n, bands].
        sketches: uint64[n].
        uids: V16[n].

    Returns:
        BUCKET_ENTRY[n * bands].
    """
    entries = np.empty(buckets.size, dtype=BUCKET_ENTRY)
    entries["bucket"] = buckets.ravel()
    entries["sketch"] = np.repeat(sketches, buckets.shape[1])
    entries["uid"] = np.repeat(uids, buckets.shape[1])
    return entries


def candidate_pairs(entries: np.ndarray, *, max_differing: int) -> np.ndarray:
    """Returns the pairs of captions to verify, each once, sorted by survivor, then uid.

    Args:
        entries: BUCKET_ENTRY[n], all entries of the buckets that they are of.
        max_differing: bits in which two captions' sketches may differ.

    Returns:
        CAPTION_PAIR[m].
    """
    entries = _in_shared_buckets(entries)
    uids, numbers = number_uids(entries["uid"])
    order = np.lexsort((numbers, entries["bucket"]))
    numbers, buckets, sketches = numbers[order], entries["bucket"][order], entries["sketch"][order]
    sizes = group_sizes(buckets)
    codes = [np.empty(0, dtype=np.uint64)]
    for pairs_in, chosen in (
        (_all_pairs, np.flatnonzero(sizes <= BUCKET_CAP)),
        (_likeliest_pairs, np.flatnonzero(sizes > BUCKET_CAP)),
    ):
        for first, second in pairs_in(buckets[chosen], sketches[chosen]):
            first, second = chosen[first], chosen[second]
            alike = np.bitwise_count(sketches[first] ^ sketches[second]) <= max_differing
            codes.append(_pair_codes(numbers[first[alike]], numbers[second[alike]]))
    return _pairs_of(uids, np.concatenate(codes))


def distinct_pairs(pairs: np.ndarray) -> np.ndarray:
    """Returns each pair once, sorted by survivor, then uid.

    Args:
        pairs: CAPTION_PAIR[n].

    Returns:
        CAPTION_PAIR[m].
    """
    uids, numbers = number_uids(np.concatenate([pairs["survivor"], pairs["uid"]]))
    return _pairs_of(uids, _pair_codes(numbers[: len(pairs)], numbers[len(pairs) :]))


def number_uids(uids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the distinct uids, and each uid's index among them.

    Args:
        uids: V16[n].

    Returns:
        (V16[k], sorted as bytes; int64[n]).
    """
    high, low = halves(uids)
    order = np.lexsort((low, high))
    opens = np.zeros(len(uids), dtype=np.int64)
    opens[1:] = (np.diff(high[order]) != 0) | (np.diff(low[order]) != 0)
    groups = np.cumsum(opens)
    numbers = np.empty(len(uids), dtype=np.int64)
    numbers[order] = groups
    return uids[order][group_ranks(groups) == 0], numbers


def _in_shared_buckets(entries: np.ndarray) -> np.ndarray:
    order = np.argsort(entries["bucket"])
    shared = group_sizes(entries["bucket"][order]) > 1
    return entries[np.sort(order[shared])]


def _all_pairs(buckets: np.ndarray, _: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields the row indices of both ends of all pairs within buckets of at most BUCKET_CAP entries."""
    for distance in range(1, int(group_sizes(buckets).max(initial=0))):
        same = np.flatnonzero(buckets[distance:] == buckets[:-distance])
        yield same, same + distance


def _likeliest_pairs(buckets: np.ndarray, sketches: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields the row indices of pairs: each entry with its bucket's first, and with the most alike of the first few."""
    ranks = group_ranks(buckets)
    leaders = np.arange(BUCKET_CAP)
    for start in range(0, len(buckets), _ROWS_PER_CHUNK):
        rows = np.arange(start, min(start + _ROWS_PER_CHUNK, len(buckets)))
        opens, rank = rows - ranks[rows], ranks[rows]
        differing = np.bitwise_count(sketches[opens[:, None] + leaders] ^ sketches[rows, None]).astype(np.uint16)
        differing[:, 0] = 0
        # Of those equally alike the first; a caption is no leader of itself, nor of those before it.
        keys = np.where(leaders < rank[:, None], differing << np.uint16(8) | leaders.astype(np.uint16), 0xFFFF)
        keys = np.partition(keys, _LIKELIEST, axis=1)[:, :_LIKELIEST]
        row, column = np.nonzero(keys != 0xFFFF)
        yield opens[row] + (keys[row, column] & 0xFF).astype(np.int64), rows[row]


def _pairs_of(uids: np.ndarray, codes: np.ndarray) -> np.ndarray:
    codes = np.unique(codes)
    pairs = np.empty(len(codes), dtype=CAPTION_PAIR)
    pairs["survivor"], pairs["uid"] = uids[codes >> np.uint64(32)], uids[codes & np.uint64(0xFFFFFFFF)]
    return pairs


def _pair_codes(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    different = low < high
    return (low[different].astype(np.uint64) << np.uint64(32)) | high[different].astype(np.uint64)
