"""Sorts perceptual hashes into buckets and compares those of a bucket, in loops compiled by numba.

The hashes of a bucket are read once, into memory that the processor's caches hold, word by word: the first word of
several hashes is compared at once, and their other words where that is near. All pairs of a bucket of 150 cost about as
much as reading its hashes from memory.
"""

from __future__ import annotations

import numpy as np

from babelsift.filters.bits import bits_set
from babelsift.filters.jit import jit

# An entry is compared with at most so many leaders of a bucket, or of each group of a split one, and linked to fewer.
BUCKET_CAP = 256
LINKS_PER_BUCKET = 16
_ROW_BITS = np.uint64(32)
_ROW_MASK = np.uint64((1 << 32) - 1)


@jit
def sort_by_bytes(hashes: np.ndarray, pair: tuple[int, int], packed: np.ndarray, spare: np.ndarray) -> None:
    """Writes bucket << 32 | row to `packed`, sorted, where buckets are of two bytes, the first of them first.

    Args:
        hashes: uint64[n, words].
        pair: the two bytes, by their index in a hash.
        packed: uint64[n], written.
        spare: uint64[n], overwritten.
    """
    offsets = np.zeros((2, 257), np.int64)
    for row in range(len(hashes)):
        for byte in range(2):
            offsets[byte, _byte_of(hashes[row, pair[byte] >> 3], pair[byte]) + np.uint64(1)] += 1
    first, second = np.cumsum(offsets[0]), np.cumsum(offsets[1])
    for row in range(len(hashes)):
        high, low = _byte_of(hashes[row, pair[0] >> 3], pair[0]), _byte_of(hashes[row, pair[1] >> 3], pair[1])
        spare[second[low]] = high << np.uint64(40) | low << _ROW_BITS | np.uint64(row)
        second[low] += 1
    for value in spare:
        high = value >> np.uint64(40)
        packed[first[high]] = value
        first[high] += 1


@jit
def sort_packed(packed: np.ndarray, spare: np.ndarray) -> None:
    """Sorts uint64[n], bucket << 32 | row, by their buckets, rows of a bucket as they came.

    Args:
        packed: uint64[n], sorted in its memory.
        spare: uint64[n], overwritten.
    """
    for shift in (32, 48):  # there and back
        _sort_digit(packed, spare, np.uint64(shift))
        _sort_digit(spare, packed, np.uint64(shift + 8))


@jit
def _sort_digit(values: np.ndarray, sorted_values: np.ndarray, shift: np.uint64) -> None:
    offsets = np.zeros(257, np.int64)
    for value in values:
        offsets[((value >> shift) & np.uint64(255)) + np.uint64(1)] += 1
    offsets = np.cumsum(offsets)
    for value in values:
        digit = (value >> shift) & np.uint64(255)
        sorted_values[offsets[digit]] = value
        offsets[digit] += 1


@jit
def _byte_of(word: np.uint64, index: int) -> np.uint64:
    return (word >> np.uint64(8 * (index & 7))) & np.uint64(255)


@jit
def near_in_buckets(
    packed: np.ndarray,
    hashes: np.ndarray,
    splits: np.ndarray,
    limits: tuple[int, int, int, int],
    sieve: tuple[int, int],
) -> np.ndarray:
    """Returns the pairs of an entry and a leader before it in its bucket that lie within the radius.

    A bucket of few leaders is compared as it is. A larger bucket is split by each of several bytes in turn, and hashes
    that agree in that byte are compared.

    Args:
        packed: uint64[n], bucket << 32 | row, sorted.
        hashes: uint64[rows, 2 or 4].
        splits: int64[m], bytes of a hash.
        limits: (the radius in bits; leaders of a bucket that is not split; leaders are rows below this; entries are
            rows from this on, and may be leaders, too).
        sieve: a word of the hashes, and the bits in which two may differ there at most, or the others are not compared.

    Returns:
        uint64[k], entry's row << 32 | leader's row, each pair once a bucket.
    """
    links, count, start = np.empty(1024, np.uint64), 0, 0
    words = np.empty((hashes.shape[1], 1024), np.uint64)
    while start < len(packed):
        end, leaders, bucket = start, np.int64(0), packed[start] >> _ROW_BITS
        while end < len(packed) and packed[end] >> _ROW_BITS == bucket:
            leaders += np.int64(packed[end] & _ROW_MASK) < limits[2]
            end += 1
        rows, size = packed[start:end], end - start
        start = end
        if size == 1 or leaders == 0 or np.int64(rows[-1] & _ROW_MASK) < limits[3]:
            continue
        if size > words.shape[1]:
            words = np.empty((hashes.shape[1], 2 * size), np.uint64)
        if count + size * LINKS_PER_BUCKET > len(links):
            grown = np.empty(2 * count + size * LINKS_PER_BUCKET, np.uint64)
            grown[:count] = links[:count]
            links = grown
        for index in range(size):
            row = rows[index] & _ROW_MASK
            words[0, index], words[1, index] = hashes[row, 0], hashes[row, 1]
            if hashes.shape[1] == 4:  # in a loop it takes twice as long
                words[2, index], words[3, index] = hashes[row, 2], hashes[row, 3]
        if leaders <= limits[1]:
            count = _compare_all(rows, words, leaders, limits, sieve, links, count)
        else:
            count = _compare_split(rows, words, splits, limits, links, count)
    return links[:count].copy()


@jit
def _bits_between(words: np.ndarray, first: int, second: int) -> np.int64:
    bits = np.int64(0)
    for word in range(words.shape[0]):
        bits += bits_set(words[word, first] ^ words[word, second])
    return bits


@jit
def _compare_all(
    rows: np.ndarray,
    words: np.ndarray,
    leaders: int,
    limits: tuple[int, int, int, int],
    sieve: tuple[int, int],
    links: np.ndarray,
    count: int,
) -> int:
    """Adds the pairs of a bucket to `links`; returns how many pairs are there then."""
    first, radius = words[sieve[0]], limits[0]
    for entry in range(len(rows)):
        row, before, most = rows[entry] & _ROW_MASK, min(entry, leaders), count + LINKS_PER_BUCKET
        if np.int64(row) < limits[3]:
            continue
        word, near = first[entry], 0
        for leader in range(before):  # several at once; most entries are near no leader
            near += bits_set(first[leader] ^ word) <= sieve[1]
        for leader in range(before if near else 0):
            if count == most or bits_set(first[leader] ^ word) > sieve[1]:
                continue
            if _bits_between(words, leader, entry) <= radius:
                links[count] = row << _ROW_BITS | rows[leader] & _ROW_MASK
                count += 1
    return count


@jit
def _compare_split(
    rows: np.ndarray,
    words: np.ndarray,
    splits: np.ndarray,
    limits: tuple[int, int, int, int],
    links: np.ndarray,
    count: int,
) -> int:
    """Adds the pairs of a split bucket as `_compare_all` does, byte by byte, in the order of the byte's values."""
    size = len(rows)
    linked, order, values = np.zeros(size, np.uint8), np.empty(size, np.int64), np.empty((len(splits), size), np.uint8)
    for split in range(len(splits)):
        for row in range(size):
            values[split, row] = _byte_of(words[splits[split] >> 3, row], splits[split])
        _sort_by(values[split], order)
        start = 0
        for index in range(size):
            entry = order[index]
            if values[split, order[start]] != values[split, entry]:
                start = index
            row = rows[entry] & _ROW_MASK
            if np.int64(row) < limits[3]:
                continue
            for leader in order[start : min(index, start + BUCKET_CAP)]:
                leader_row = rows[leader] & _ROW_MASK
                if np.int64(leader_row) >= limits[2] or linked[entry] == LINKS_PER_BUCKET:
                    break
                if _bits_between(words, leader, entry) > limits[0]:
                    continue
                known = False
                for earlier in range(split):
                    known |= values[earlier, leader] == values[earlier, entry]
                if not known:
                    links[count] = row << _ROW_BITS | leader_row
                    count += 1
                    linked[entry] += 1
    return count


@jit
def _sort_by(values: np.ndarray, order: np.ndarray) -> None:
    offsets = np.zeros(257, np.int64)
    for value in values:
        offsets[np.int64(value) + 1] += 1
    offsets = np.cumsum(offsets)
    for row in range(len(values)):
        order[offsets[values[row]]] = row
        offsets[values[row]] += 1
