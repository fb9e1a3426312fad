"""Cuts web addresses out of captions."""

from __future__ import annotations

import re

import pyarrow as pa

from babelsift.filters.strings import clean_strings, flatten
from babelsift.filters.text.filenames import EXTENSIONS
from babelsift.filters.text.links import ends_www
from babelsift.filters.text.stripping.remains import count_telling_words, edit_rows, rows_with, trim

# Only what surely is an address: a host's bare name ("available at example.com") is part of a sentence.
_ADDRESS = re.compile(r"(?i)[(\[<]?\b(?:(?:https?|ftps?)://[^\s<>\"]+|www\.[^\s<>\"]+\.[^\s<>\"]+)[)\]>]?")
# Words that only led to an address at the caption's end.
_LEADING = re.compile(
    r"(?i)(?:^|(?<=[\s(|,;:–—-]))"
    r"(?:at|from|via|by|see|source|src|visit|on|more(?: info)?(?: at)?|photo|credit|link|url|web|website|"
    r"von|bei|auf|unter|quelle|siehe|de|sur|par|source|voir|en|por|fuente|vía|ver|da|su|fonte|van|bij|op|bron|из|на|от|"
    r"источник|z|na|źródło|kaynak|出典|来源|來源|(?:google )?image result for)\s*[:：]?\s*$"
)
_FILE = re.compile(rf"(?i)\.(?:{EXTENSIONS})\s*$")
_FEWEST_WORDS = 2


def strip_urls(captions: pa.Array) -> pa.LargeStringArray:
    """Cuts web addresses out, with the word that led to one at the end ("via", "source:").

    A caption of which less than two words would be left stays as it is.

    Args:
        captions: string[n], nullable.

    Returns:
        large_string[n], null where the caption is.

    >>> strip_urls(pa.array(["Tote bag, blue. http://a.com/b", "http://a.com/b", "by example.com", None])).to_pylist()
    ['Tote bag, blue.', 'http://a.com/b', 'by example.com', None]
    """
    points = flatten(captions)
    signs = ends_www(points) | ((points.values == ord(":")) & points.before(points.values == ord("/")))
    return edit_rows(clean_strings(captions), rows_with(points, signs), _strip)


def _strip(caption: str) -> str:
    text = _ADDRESS.sub(" \0 ", caption)
    # An address with blanks in it is one as a whole.
    if "\0" not in text or (text.lstrip().startswith("\0") and _FILE.search(caption)):
        return caption
    before, _, after = text.rpartition("\0")
    if not after.strip(" .)]|"):
        text = _LEADING.sub("", before.rstrip())
    text = trim(text.replace("\0", " "))
    return text if count_telling_words(text) >= _FEWEST_WORDS else caption
