"""Takes tags off captions, and turns character references into the characters that they stand for."""

from __future__ import annotations

import html
import re

import pyarrow as pa

from babelsift.filters.strings import clean_strings, flatten
from babelsift.filters.text.markup import TAGS
from babelsift.filters.text.stripping.remains import count_telling_words, edit_rows, rows_with

# A page may have escaped a text that was escaped already.
_MOST_ESCAPES = 3
_REFERENCE = re.compile(
    r"&(?:[a-zA-Z][a-zA-Z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});|&(?:amp|quot|lt|gt|nbsp)(?![a-zA-Z=;])"
)
# Their content is no text.
_PROGRAMS = re.compile(r"(?is)<(script|style|noscript|iframe)\b[^>]*>.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)")
# The text of a page breaks at these. As in HTML, `<` and a blank begin no tag.
_BREAK = re.compile(
    r"(?i)<(?:/\s*)?(?:br|p|div|li|ul|ol|tr|td|th|table|h[1-6]|hr|dd|dt|dl|section|article|figure|figcaption|header|footer|"
    r"blockquote|center|caption|img)\b[^<>]*>"
)
_TAG = re.compile(rf"(?i)<(?:/\s*)?(?:{TAGS})(?:\s[^<>]*|/)?>|<(?:{TAGS})\s+[a-z-]+\s*=[^<>]*\Z")
_CODES = re.compile(
    r"(?i)\[/?(?:b|i|u|s|img|url|quote|code|size|color|font|list|center|spoiler|attach|caption|gallery|embed)"
    r"(?:[= ][^\]]*)?\]"
)
_SIGNS = "<>&["


def strip_markup(captions: pa.Array) -> pa.LargeStringArray:
    """Takes HTML tags and codes of forums and blogs off, and decodes character references, twice where escaped twice.

    A tag that breaks lines becomes a blank. A caption that is nothing but markup stays as it is.

    Args:
        captions: string[n], nullable.

    Returns:
        large_string[n], null where the caption is.

    >>> strip_markup(pa.array(["the game <em>Portal 2</em>", "front &amp;amp; back", "I <3 dogs", None])).to_pylist()
    ['the game Portal 2', 'front & back', 'I <3 dogs', None]
    """
    points = flatten(captions)
    return edit_rows(clean_strings(captions), rows_with(points, points.among(_SIGNS)), _strip)


def _strip(caption: str) -> str:
    text = caption
    for _ in range(_MOST_ESCAPES):
        decoded = _REFERENCE.sub(lambda match: html.unescape(match[0]), text)
        if decoded == text:
            break
        text = decoded
    text = _PROGRAMS.sub(" ", text)
    text = _CODES.sub("", _TAG.sub("", _BREAK.sub(" ", text)))
    if text == caption:
        return caption
    text = " ".join(text.split())
    return text if count_telling_words(text) else caption
