"""Takes phrases of galleries, shops and stock agencies off both ends of captions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.strings import Pattern, clean_strings
from babelsift.filters.text.stripping.phrase_lists import read_phrases
from babelsift.filters.text.stripping.remains import count_telling_words, edit_rows, trim

_NUMBER = r"[0-9][0-9.,]*"
_SIGN = (
    r"\s*(?:[|:;,/~*([\x{b7}\x{2022}\x{bb}\x{ff1a}\x{ff0c}\x{3001}\x{ff5c}\x{ff08}\x{3010}\x{2013}\x{2014}\x{2212}]"
    r"|\s[\-\x{2013}\x{2014}]+|[\-\x{2013}\x{2014}]+\s)[\s\-]*"
)
_AFTER_BEFORE = r"[\s,:;.!|#)\]\-\x{2013}\x{2014}\x{3001}\x{ff0c}\x{ff1a}]+"
_END = r"\s*(?:[#№n]?(?:o|r|º)?\.?\s*-?\s*[0-9][0-9.,\-]*)?\s*[)\]!.\x{ff09}\x{3011}]*\s*$"
_DASHES = r"\x{2013}\x{2014}"
_BAR = rf"\s+[|\-{_DASHES}]+\s+"
_FEWEST_WORDS = 2
# A phrase may stand behind another.
_MOST_PHRASES = 4


def strip_phrases(captions: pa.Array) -> pa.LargeStringArray:
    """Takes phrases such as "Thumbnail for", "Click to enlarge", "- Stock Photo" and "on Pinterest" off both ends.

    It knows those of 26 languages. A caption of which less than two words would be left stays as it is: it is
    boilerplate, and a rule's business.

    Args:
        captions: string[n], nullable.

    Returns:
        large_string[n], null where the caption is.

    >>> captions = ["Load image into Gallery viewer, Blue mug", "Red fox in snow — Stockfoto", "Stock Photo", None]
    >>> strip_phrases(pa.array(captions)).to_pylist()
    ['Blue mug', 'Red fox in snow', 'Stock Photo', None]
    """
    strings = clean_strings(captions)
    filled = pc.fill_null(strings, "")
    before, after = _patterns()
    rows = np.flatnonzero(before.matches(filled) | after.matches(filled))
    return edit_rows(strings, rows, _strip)


def _strip(caption: str) -> str:
    before, after = (pattern.compiled for pattern in _patterns())
    text = caption
    for _ in range(_MOST_PHRASES):
        shorter = trim(after.sub("", before.sub("", text)))
        if shorter == trim(text):
            break
        text = shorter
    # A bracket was opened before the phrase: (Photo: A. Miller / Getty Images).
    if text.count("(") > text.count(")") and caption.count("(") == caption.count(")"):
        text += ")"
    return text if count_telling_words(text) >= _FEWEST_WORDS else caption


@cache
def _patterns() -> tuple[Pattern, Pattern]:
    """Returns what phrases look like at the beginning and at the end of a caption."""
    lists = read_phrases()
    plain = _alternatives(phrase for phrase in lists["before"] if "#" not in phrase)
    # "Photo 3 of 12 of the castle": the number is part of the description.
    counted = _alternatives(phrase for phrase in lists["before"] if "#" in phrase)
    after, words, glued, sites = (
        _alternatives(lists[name]) for name in ("after", "after_words", "after_glued", "sites")
    )
    return (
        Pattern(rf"(?i)^\s*(?:(?:{plain}){_AFTER_BEFORE}|(?:{counted})\s*[:.|,;\-{_DASHES}]\s*)"),
        Pattern(rf"(?i)(?:{_SIGN}(?:{after})|{_BAR}(?:{sites})|\s+(?:{words})|\s*(?:{glued})){_END}"),
    )


def _alternatives(phrases: Iterable[str]) -> str:
    longest_first = sorted(set(phrases), key=lambda phrase: (-len(phrase), phrase))
    escaped = (re.escape(phrase).replace(r"\#", _NUMBER).replace(r"\-", "-") for phrase in longest_first)
    return "|".join(phrase.replace(r"\ ", r"\s+") for phrase in escaped)
