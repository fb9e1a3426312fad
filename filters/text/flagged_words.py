"""Captions that hold words of a list."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.strings import (
    DIGIT,
    INVISIBLE,
    LETTER,
    MARK,
    SCRIPTS,
    SubstringIndex,
    clean_strings,
    flags_table,
    flatten,
    is_unspaced,
    normalise,
    script_table,
)

_SHIPPED_FILE = Path(__file__).with_name("flagged_words.tsv")
_NO_LETTER, _SPACED, _UNSPACED, _KATAKANA = range(4)
_KATAKANA_SCRIPT = SCRIPTS.index("Kana")


def shipped_flagged_words(languages: Collection[str]) -> list[str]:
    """Returns the words of the lists that ship for these languages; what they are is said in the file.

    Args:
        languages: ISO 639-1.

    >>> len(shipped_flagged_words(["en"])) > 300, shipped_flagged_words([])
    (True, [])
    """
    lines = _SHIPPED_FILE.read_text(encoding="utf-8").splitlines() if languages else []
    entries = (line.split("\t") for line in lines if not line.startswith("#"))
    return [word for language, word in entries if language in languages]


class FlaggedWords:
    """A list of words and phrases, ready to be looked for.

    Words of scripts with spaces must stand alone ("ass" is not in "class"), and so must Katakana among Katakana. Others
    of scripts without spaces are found anywhere, but for a single letter, which is a part of too many words. Case,
    compatibility forms (NFKC) and invisible characters make no difference.
    """

    def __init__(self, words: Collection[str]) -> None:
        """Folds the words and builds the search.

        Args:
            words: words or phrases; blank entries and repetitions are passed over.
        """
        folded = _fold(pa.array(list(words), pa.large_string())).to_pylist()
        self.words = sorted({word.strip() for word in folded} - {""})
        self._index = SubstringIndex(self.words)

    def find(self, captions: pa.Array) -> pa.LargeStringArray:
        """Returns the first word of the list, as folded, in each caption.

        Args:
            captions: string[n], nullable.

        Returns:
            large_string[n], null where there is none or the caption is null.
        """
        first_words = np.full(len(captions), None, dtype=object)
        folded = _fold(clean_strings(captions))
        occurrences = self._index.find(folded)
        if len(occurrences.rows):
            points = flatten(folded)
            kinds = _kinds(points.values)
            byte_starts = np.concatenate([[0], np.cumsum(_utf8_sizes(points.values))])
            alone = [
                _stands_alone(kinds, points.starts[row], points.starts[row + 1], first, last)
                for row, first, last in zip(
                    occurrences.rows,
                    np.searchsorted(byte_starts, occurrences.starts),
                    np.searchsorted(byte_starts, occurrences.ends),
                    strict=True,
                )
            ]
            standing_alone = zip(occurrences.rows[alone], occurrences.entries[alone], strict=True)
            for row, entry in sorted(standing_alone, reverse=True):
                first_words[row] = self.words[entry]
        return pa.array(first_words, pa.large_string())


def is_free_of_flagged_words(captions: pa.Array, *, words: Collection[str] | FlaggedWords) -> pa.BooleanArray:
    """Keeps captions that hold no word of a list; see `FlaggedWords`.

    Args:
        captions: string[n], nullable.
        words: in any case; a `FlaggedWords` is compiled once for many batches.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    >>> is_free_of_flagged_words(pa.array(["a class photo", "What an ASS", None]), words=["ass"]).to_pylist()
    [True, False, False]
    """
    listed = words if isinstance(words, FlaggedWords) else FlaggedWords(words)
    return pc.and_(pc.is_null(listed.find(captions)), clean_strings(captions).is_valid())


def _fold(strings: pa.LargeStringArray) -> pa.LargeStringArray:
    wide = pc.fill_null(pc.invert(pc.string_is_ascii(strings)), False)
    if pc.any(wide).as_py():
        points = flatten(normalise(strings.filter(wide), "NFKC"))
        strings = pc.replace_with_mask(strings, wide, points.select(~points.has(INVISIBLE)).to_strings())
    return pc.utf8_lower(strings)


def _kinds(values: np.ndarray) -> np.ndarray:
    """Returns uint8[m]: what a code point is a part of."""
    letters = (flags_table()[values] & np.uint8(LETTER | MARK | DIGIT)) != 0
    scripts = script_table()[values]
    kinds = np.where(is_unspaced(scripts), _UNSPACED, _SPACED)
    kinds[scripts == _KATAKANA_SCRIPT] = _KATAKANA
    return np.where(letters, kinds, _NO_LETTER)


def _utf8_sizes(values: np.ndarray) -> np.ndarray:
    return 1 + (values >= 0x80).astype(np.int64) + (values >= 0x800) + (values >= 0x10000)


def _stands_alone(kinds: np.ndarray, row_start: int, row_end: int, first: int, last: int) -> bool:
    before = first > row_start and _is_one_word(kinds[first - 1], kinds[first], last - first)
    after = last < row_end and _is_one_word(kinds[last], kinds[last - 1], last - first)
    return not (before or after)


def _is_one_word(neighbour: int, end: int, length: int) -> bool:
    return neighbour == end and (end in (_SPACED, _KATAKANA) or (end == _UNSPACED and length == 1))
