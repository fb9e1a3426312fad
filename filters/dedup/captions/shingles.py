"""Captions as sets of shingles, each a number: what near-duplicates are measured by.

A shingle is some neighbouring characters of a caption in its comparable form (see `comparable_captions`), with a space
before and after it. In scripts that are written without spaces, where one character says as much as several letters, it
is two characters. A caption that is too short for one shingle is a shingle by itself: it is near to its equals only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.mix64 import mix64
from babelsift.filters.strings import MARK, flatten, is_unspaced, script_table

# What comes after is not compared, so that no caption needs more room than this many shingles.
MAX_CHARACTERS = 1024
# A row and a hash in one number sort fastest; 52 bits tell the shingles of any two captions apart.
HASH_BITS = 52
_ROWS_PER_CHUNK = 1 << (64 - HASH_BITS)
_UNSPACED_NGRAM = 2
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class ShingleSets:
    """The shingles of n captions, each once.

    Attributes:
        starts: int64[n + 1], where each caption's shingles start.
        hashes: uint64[m] below 2 ** HASH_BITS, ascending in each caption.
    """

    starts: np.ndarray
    hashes: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def sizes(self) -> np.ndarray:
        """int64[n], shingles a caption."""
        return np.diff(self.starts)

    def take(self, rows: np.ndarray) -> ShingleSets:
        """Returns the sets of these rows, in their order."""
        sizes = self.sizes[rows]
        starts = np.r_[0, np.cumsum(sizes)]
        shingles = np.arange(starts[-1]) + np.repeat(self.starts[rows] - starts[:-1], sizes)
        return ShingleSets(starts, self.hashes[shingles])

    @classmethod
    def concatenate(cls, chunks: Sequence[ShingleSets]) -> ShingleSets:
        """Returns the sets of all chunks, one after the other."""
        sizes = np.concatenate([np.zeros(1, dtype=np.int64), *(chunk.sizes for chunk in chunks)])
        hashes = np.concatenate([np.empty(0, dtype=np.uint64), *(chunk.hashes for chunk in chunks)])
        return cls(np.cumsum(sizes), hashes)


def shingle_sets(compared: pa.Array, *, ngram: int) -> ShingleSets:
    """Returns the shingles of captions.

    Args:
        compared: string[n], no nulls, as `comparable_captions` returns.
        ngram: characters a shingle, >= 1.

    Raises:
        ValueError: ngram < 1.

    >>> shingle_sets(pa.array(["a dog", "dogs"]), ngram=3).sizes.tolist()
    [5, 4]
    """
    if ngram < 1:
        raise ValueError(f"ngram should be at least 1, found {ngram}")
    compared = pc.utf8_slice_codeunits(compared.cast(pa.large_string()), 0, MAX_CHARACTERS)
    space, nothing = (pa.scalar(text, pa.large_string()) for text in (" ", ""))
    spaced = pc.binary_join_element_wise(space, compared, space, nothing)
    starts = range(0, len(spaced), _ROWS_PER_CHUNK)
    return ShingleSets.concatenate([_shingles(spaced.slice(start, _ROWS_PER_CHUNK), ngram) for start in starts])


def _shingles(spaced: pa.Array, ngram: int) -> ShingleSets:
    points = flatten(spaced)
    rows, count = points.rows, len(points.values)
    wide = is_unspaced(script_table()[points.values])
    wide[1:] |= wide[:-1] & points.has(MARK)[1:]  # voiced kana are two code points in comparable form
    # The space before or after a character without spaces belongs to that character's kind of shingle.
    wide[:-1] |= wide[1:] & (points.values[:-1] == ord(" "))
    left = points.starts[1:][rows] - np.arange(count)
    hashes, fits = np.zeros(count, dtype=np.uint64), np.zeros(count, dtype=bool)
    for size, kind in ((ngram, ~wide), (min(_UNSPACED_NGRAM, ngram), wide)):
        opens = kind & (left >= size)
        if opens.any():
            hashes[opens] = _hash_runs(points.values, size)[opens]
            fits |= opens
    short = np.flatnonzero(np.bincount(rows[fits], minlength=len(points)) == 0)
    for row in short:
        start, end = points.starts[row], points.starts[row + 1]
        hashes[start], fits[start] = _hash_runs(points.values[start:end], end - start)[0], True
    keys = (rows[fits].astype(np.uint64) << np.uint64(HASH_BITS)) | (mix64(hashes[fits]) >> np.uint64(64 - HASH_BITS))
    keys.sort()
    keys = keys[np.r_[True, keys[1:] != keys[:-1]][: len(keys)]]
    starts = np.searchsorted(keys, np.arange(len(points), dtype=np.uint64) << np.uint64(HASH_BITS))
    return ShingleSets(np.r_[starts, len(keys)], keys & np.uint64((1 << HASH_BITS) - 1))


def _hash_runs(values: np.ndarray, size: int) -> np.ndarray:
    """Returns uint64[n], a hash of the `size` values from each position on; past the end they are cut short."""
    hashes = np.zeros(len(values), dtype=np.uint64)
    for offset in range(size):
        rest = hashes[: len(values) - offset]
        rest += values[offset:]
        rest += np.uint64(1)
        rest *= _FACTOR
    return hashes
