"""Captions with remains of markup or code in them: HTML, BBCode, shortcodes, JSON, templates."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from babelsift.filters.strings import CodePoints, Pattern, clean_strings, flatten, keep_mask

TAGS = (
    "a|abbr|article|aside|audio|b|big|blockquote|body|br|button|caption|center|cite|code|col|dd|del|div|dl|dt|em|embed|"
    "figcaption|figure|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|label|li|link|main|mark|meta|"
    "nav|noscript|object|ol|option|p|picture|pre|q|s|script|section|select|small|source|span|strike|strong|style|sub|"
    "sup|svg|table|tbody|td|textarea|tfoot|th|thead|time|title|tr|tt|u|ul|var|video|wbr"
)
_PATTERNS = (
    rf"</?(?:{TAGS})(?:\s[^<>]*|/)?>",
    # Tags cut off by a length limit, comments and declarations.
    rf"<(?:{TAGS})\s+[a-z-]+\s*=",
    r"<!--|-->|<!doctype|<!\[cdata\[|<\?(?:php|xml|=)|\?>|<%|%>",
    # Escaped tags, and spaces that should have been decoded.
    r"&(?:amp;)*(?:lt|gt|nbsp|#60|#62|#160|#x3c|#x3e|#xa0);",
    r"\b(?:alt|src|href|class|style|width|height|data-[a-z-]+)\s*=\s*(?:\\?[\"']|&quot;|&#0?3[49];)",
    # BBCode and shortcodes.
    r"\[/(?:b|i|u|s|img|url|quote|code|size|color|font|list|center|youtube|video|email|spoiler|attach)\]",
    r"\[(?:b|i|u|img|url)\]|\[(?:img|url|quote|code|size|color|font|list|youtube|video|email|attach)=[^\]]*\]",
    r"\[/?(?:caption|gallery|embed|audio|playlist|vc_[a-z_]+|et_pb_[a-z_]+)(?:\s[^\]]*)?\]",
    r"\[[a-z_-]+\s+[a-z_-]+=\\?[\"'][^\]]*\]",
    # Wiki links and files, Markdown images and links.
    r"\[\[[^\[\]]+\]\]|!?\[[^\[\]]*\]\((?:https?:|/|#)[^()]*\)",
    # JSON, templates and other code.
    r"[{,]\s*\\?\"[^\"{}]{1,60}\"\s*:|^\s*\[\s*[{\"].*[}\"]\s*\]\s*$",
    r"\{\{.*\}\}|\{%.*%\}|\{\{\{?|\}\}\}?|\$\{[^{}]*\}|#\{[^{}]*\}|<#.*#>|@\{[^{}]*\}",
    r"\{(?:[a-z0-9]+[_.][a-z0-9_.]+|alt|title|name|caption|image|img|product|post|keyword|text|[0-9])\}|%[a-z]+_[a-z_]+%|"
    r"%\([a-z_]+\)[sd]|\[object [a-z]+\]",
    r"\bfunction\s*\(|=>\s*\{|\bdocument\.(?:get|write|query)|\bwindow\.[a-z]+|\bvar [a-z_]+\s*=|\bconsole\.log",
    r"\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|(?:\\[nrt]){2,}",
    r"[a-z-]+\s*:\s*[^;{}]{1,40};\s*\}|@media\b|!important\b",
)
_MARKUP = Pattern(rf"(?is)({'|'.join(f'(?:{pattern})' for pattern in _PATTERNS)})")
# Every pattern needs one of these signs, which most captions lack; the last three need a hint beside them.
_SIGNS = "<>[]{}=\\%@"
_WEAK_SIGNS = "&(!"
_WEAK_HINT = Pattern(r"(?i)&(?:amp;)*(?:lt|gt|nbsp|#)|function\s*\(|!important|document\.|window\.|console\.log")


def find_markup(captions: pa.Array) -> pa.LargeStringArray:
    """Returns the first remains of markup in each caption: HTML, BBCode, shortcodes, wiki links, JSON, code.

    Character references for letters and punctuation (`&amp;`, `&eacute;`) are text that nobody decoded, not markup;
    `&lt;`, `&gt;` and `&nbsp;` are.

    Args:
        captions: string[n], nullable.

    Returns:
        large_string[n], null where there is none or the caption is null.

    >>> find_markup(pa.array(["a <b>dog</b>", "[caption id=3]a dog", "Tom &amp; Jerry", None])).to_pylist()
    ['<b>', '[caption id=3]', None, None]
    """
    strings, points = clean_strings(captions), flatten(captions)
    remains = np.full(len(points), None, dtype=object)
    rows = _candidates(strings, points)
    remains[rows] = _MARKUP.find(strings.take(pa.array(rows)))
    return pa.array(remains, pa.large_string())


def is_free_of_markup(captions: pa.Array) -> pa.BooleanArray:
    """Keeps captions without remains of markup or code; see `find_markup`.

    Args:
        captions: string[n], nullable.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    >>> is_free_of_markup(pa.array(["a <b>dog</b>", "x < y", None])).to_pylist()
    [False, True, False]
    """
    return keep_mask(find_markup(captions).is_null().to_numpy(zero_copy_only=False), flatten(captions))


def _candidates(strings: pa.LargeStringArray, points: CodePoints) -> np.ndarray:
    """Returns int64[k], the few rows that the patterns need be tried on."""
    signs, weak = points.count(points.among(_SIGNS)) > 0, points.count(points.among(_WEAK_SIGNS)) > 0
    weakly = np.flatnonzero(weak & ~signs)
    weakly = weakly[_WEAK_HINT.matches(strings.take(pa.array(weakly)))]
    return np.sort(np.concatenate([np.flatnonzero(signs), weakly]))
