"""Sums what the n-grams of a text say of its language, in loops compiled by numba."""

from __future__ import annotations

import numpy as np

from babelsift.filters.jit import jit

LONGEST_NGRAM = 5
# Words beyond this many characters are cut: names of files, and what no one writes.
LONGEST_WORD = 40
_MOST_FEATURES = (LONGEST_NGRAM + 1) * (LONGEST_WORD + 2)
_OPEN, _CLOSE = np.uint32(ord("<")), np.uint32(ord(">"))
_SPACE, _APOSTROPHE, _QUOTE = np.uint32(ord(" ")), np.uint32(ord("'")), np.uint32(0x2019)
_NGRAM, _WORD = np.uint64(0xCBF29CE484222325), np.uint64(0x9E3779B97F4A7C15)
_PRIME, _MIX = np.uint64(0x100000001B3), np.uint64(0xFF51AFD7ED558CCD)
_NO_ROW = np.int32(-1)


@jit
def _key(hashed: np.uint64) -> np.uint32:
    """Returns 32 well mixed bits of a hash, of which the lowest decide the slot in a table."""
    mixed = (hashed ^ (hashed >> np.uint64(33))) * _MIX
    return np.uint32(mixed >> np.uint64(32))


@jit
def features_of(word: np.ndarray, keys: np.ndarray) -> int:
    """Writes the keys of a word's n-grams, and of the word, into `keys`; returns how many these are.

    Args:
        word: uint32[n], code points, between `<` and `>`.
        keys: uint32[at least (LONGEST_NGRAM + 1) * n].
    """
    count = 0
    for start in range(len(word)):
        hashed = _NGRAM
        for length in range(1, min(LONGEST_NGRAM, len(word) - start) + 1):
            hashed = (hashed ^ np.uint64(word[start + length - 1])) * _PRIME
            # A bracket alone tells nothing.
            if length > 1 or 0 < start < len(word) - 1:
                keys[count] = _key(hashed)
                count += 1
    hashed = _WORD
    for index in range(len(word)):
        hashed = (hashed ^ np.uint64(word[index])) * _PRIME
    keys[count] = _key(hashed)
    return count + 1


@jit
def features_of_words(values: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns (uint32[f], keys of all words' features; int64[n + 1], where each word's begin).

    Args:
        values: uint32[m], code points of words.
        starts: int64[n + 1].
    """
    total = 0
    for index in range(len(starts) - 1):
        total += (LONGEST_NGRAM + 1) * (min(starts[index + 1] - starts[index], LONGEST_WORD) + 2)
    keys, begins = np.empty(total, np.uint32), np.zeros(len(starts), np.int64)
    word = np.empty(LONGEST_WORD + 2, np.uint32)
    word[0] = _OPEN
    for index in range(len(starts) - 1):
        length = min(starts[index + 1] - starts[index], LONGEST_WORD)
        word[1 : length + 1] = values[starts[index] : starts[index] + length]
        word[length + 1] = _CLOSE
        begins[index + 1] = begins[index] + features_of(word[: length + 2], keys[begins[index] :])
    return keys[: begins[-1]].copy(), begins


@jit
def slots_of(keys: np.ndarray, size: int) -> np.ndarray:
    """Returns int32[size], a hash table of rows by key, -1 where there is none.

    Args:
        keys: uint32[n], all different.
        size: a power of two, at least 2 * n.
    """
    slots = np.full(size, _NO_ROW, np.int32)
    for row in range(len(keys)):
        slot = np.int64(keys[row]) & (size - 1)
        while slots[slot] >= 0:
            slot = (slot + 1) & (size - 1)
        slots[slot] = row
    return slots


@jit
def row_of(key: np.uint32, slots: np.ndarray, keys: np.ndarray) -> np.int32:
    """Returns a key's row, -1 where there is none.

    Args:
        key: of a feature.
        slots: as `slots_of` makes them of `keys`.
        keys: uint32[n].
    """
    slot = np.int64(key) & (len(slots) - 1)
    while slots[slot] >= 0:
        if keys[slots[slot]] == key:
            return slots[slot]
        slot = (slot + 1) & (len(slots) - 1)
    return _NO_ROW


@jit
def sum_weights(
    values: np.ndarray,
    starts: np.ndarray,
    texts: np.ndarray,
    table: tuple[np.ndarray, np.ndarray, np.ndarray],
    capitals: np.ndarray,
) -> np.ndarray:
    """Returns float32[t, languages], the sums of the weights of texts' features.

    Words that begin with a capital are often names, of products and of people in any language: beside words that do
    not, they count half. Texts in one case are summed up as they are.

    Args:
        values: uint32[m], code points: words separated by spaces or apostrophes.
        starts: int64[n + 1].
        texts: int64[t], indices of the texts to sum up.
        table: (slots, uint32[r] keys, int8[r, languages] weights).
        capitals: bool[m], which letters were capitals. What follows an apostrophe in a name is of it.
    """
    slots, keys, weights = table
    sums, totals = np.zeros(weights.shape[1], np.int32), np.empty((len(texts), weights.shape[1]), np.float32)
    word, found = np.empty(LONGEST_WORD + 2, np.uint32), np.empty(_MOST_FEATURES, np.uint32)
    word[0] = _OPEN
    for index in range(len(texts)):
        end, length, words, counted, is_name = starts[texts[index] + 1], 1, 0, 0, False
        sums[:] = 0
        for at in range(starts[texts[index]], end + 1):
            value = values[at] if at < end else _SPACE
            if value != _SPACE and value != _APOSTROPHE and value != _QUOTE:
                is_name = is_name or (length == 1 and capitals[at])
                if length <= LONGEST_WORD:
                    word[length] = value
                    length += 1
                continue
            if length > 1:
                times = 1 if is_name else 2
                words, counted = words + 1, counted + times
                word[length] = _CLOSE
                for feature in range(features_of(word[: length + 1], found)):
                    row = row_of(found[feature], slots, keys)
                    if row >= 0:
                        for language in range(weights.shape[1]):
                            sums[language] += times * weights[row, language]
                length = 1
            is_name = is_name and value != _SPACE
        for language in range(weights.shape[1]):
            totals[index, language] = sums[language] * (words / max(counted, 1))
    return totals
