"""Rules out, in a few numpy passes, captions that begin with no word of a list."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache

import numpy as np
import pyarrow as pa

from babelsift.filters.strings.code_points import INVISIBLE, LETTER, MARK, CodePoints, flags_table, flatten, lower_table

_BITS = np.uint64(18)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_NAMED_END = 0x20000


class FirstWords:
    """The first words (runs of letters) of a list of phrases, as a table of their hashed looks."""

    def __init__(self, phrases: Iterable[str]) -> None:
        """Takes the first word of each phrase.

        Args:
            phrases: in any case.
        """
        points = flatten(pa.array(list(phrases), pa.large_string()))
        self._known = np.zeros(1 << int(_BITS), dtype=bool)
        self._known[_looks(points)] = True

    def may_begin(self, points: CodePoints) -> np.ndarray:
        """Returns bool[n], False where the row surely begins with no word of the list, whatever its case.

        True for rows with characters that NFKC changes, marks or invisible ones: those need a closer look.
        """
        odd = points.count(~_is_plain()[points.values]) > 0
        return odd | self._known[_looks(points)]


def _looks(points: CodePoints) -> np.ndarray:
    """Returns uint64[n], a hash of the first word's first, middle and last letter and its length; 0 without letters."""
    letter = points.has(LETTER | MARK)
    letters = np.flatnonzero(letter)
    others = np.flatnonzero(~letter)
    answer = np.zeros(len(points), dtype=np.uint64)
    if not len(letters):
        return answer
    at = np.searchsorted(letters, points.starts[:-1])
    rows = np.flatnonzero(np.diff(np.searchsorted(letters, points.starts)))
    first = letters[at[rows]]
    end = points.starts[1:][rows]
    if len(others):
        gap = np.searchsorted(others, first)
        after = others[np.minimum(gap, len(others) - 1)]
        end = np.minimum(end, np.where(gap < len(others), after, end))
    lower = lower_table()
    looks = lower[points.values[first]].astype(np.uint64) << np.uint64(26)
    looks ^= lower[points.values[end - 1]].astype(np.uint64) << np.uint64(13)
    looks ^= lower[points.values[(first + end) >> 1]].astype(np.uint64) * (end - first > 2).astype(np.uint64)
    looks = (looks << np.uint64(6)) ^ (end - first).astype(np.uint64)
    answer[rows] = (looks * _SPREAD) >> (np.uint64(64) - _BITS)
    return answer


@cache
def _is_plain() -> np.ndarray:
    """Returns bool[0x110000], the code points that normalising leaves alone, whatever their neighbours are."""
    plain = (flags_table() & np.uint8(MARK | INVISIBLE)) == 0
    changed = [cp for cp in range(0x80, _NAMED_END) if unicodedata.normalize("NFKC", chr(cp)) != chr(cp)]
    plain[changed] = False
    plain[0x1100:0x1200] = False  # Hangul letters that compose
    plain[_NAMED_END:] = False
    return plain
