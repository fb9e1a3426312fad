"""Searches captions and URLs for words in any script.

Texts and words are compared without case, width and other forms of compatibility (NFKC): `ＣＡＴ` is `cat`, `ｶﾒﾗ` is
`カメラ`.
Words apart by blanks, the ideographic one too, must all occur; what stands in double quotes is one. A word of a script
that writes blanks between words must begin one: `cat` finds `cats`, not `concatenate`. In Chinese, Japanese, Thai and
their like, which write none, a word may stand anywhere; so may any in a URL.
"""

from __future__ import annotations

import re
import threading
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.strings import clean_strings, is_unspaced, normalise, script_table

_WORD = re.compile(r'"([^"]+)"?|(\S+)')
_SLICE = 100_000


class TextSearch:
    """The captions and URLs of a table in comparable form, made at the first search.

    Attributes:
        captions, urls: string[n], nullable.
    """

    def __init__(self, captions: pa.Array, urls: pa.Array) -> None:
        self.captions, self.urls = captions, urls
        self._lock = threading.Lock()

    def warm(self) -> None:
        """Brings the texts into comparable form."""
        with self._lock:
            _ = self._comparable_captions, self._comparable_urls

    def rows(self, text: str) -> np.ndarray:
        """Returns bool[n], the rows whose caption or URL has all words of a text."""
        self.warm()
        met = np.ones(len(self.captions), bool)
        for word in words_of(text):
            candidates = np.flatnonzero(met)
            rows = pa.array(candidates) if len(candidates) < len(met) else None
            captions, urls = (
                column if rows is None else column.take(rows)
                for column in (self._comparable_captions, self._comparable_urls)
            )
            found = _contains(captions, word)
            if _begins_words(word):
                hits = np.flatnonzero(found)
                pattern = rf"(?:^|[^\pL\pM\pN]){re.escape(word)}"
                begins = pc.match_substring_regex(captions.take(pa.array(hits)), pattern)
                found[hits] = pc.fill_null(begins, False).to_numpy(zero_copy_only=False)
            found |= _contains(urls, word)
            met[candidates] = found
        return met

    @cached_property
    def _comparable_captions(self) -> pa.Array:
        return _in_slices(self.captions)

    @cached_property
    def _comparable_urls(self) -> pa.Array:
        return pc.ascii_lower(self.urls)


def words_of(text: str) -> list[str]:
    """Returns the words of what was typed, in comparable form.

    >>> words_of('ＲＥＤ "two dogs" 猫')
    ['red', 'two dogs', '猫']
    """
    found = (quoted or bare for quoted, bare in _WORD.findall(_comparable(pa.array([text]))[0].as_py()))
    return [word for word in found if word.strip()]


def _begins_words(word: str) -> bool:
    return word[0].isalnum() and not is_unspaced(script_table()[[ord(word[0])]])[0]


def _contains(texts: pa.Array, word: str) -> np.ndarray:
    return pc.fill_null(pc.match_substring(texts, word), False).to_numpy(zero_copy_only=False).copy()


def _in_slices(texts: pa.Array) -> pa.Array:
    slices = [_comparable(texts.slice(start, _SLICE)) for start in range(0, len(texts), _SLICE)]
    return pa.concat_arrays(slices) if slices else pa.array([], pa.large_string())


def _comparable(texts: pa.Array) -> pa.Array:
    return pc.utf8_lower(normalise(clean_strings(texts), "NFKC"))
