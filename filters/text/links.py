"""Captions that are web addresses."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.strings import LETTER, CodePoints, Pattern, clean_strings, flatten, measure_array, ratio

_DOMAINS = (
    "com|net|org|info|biz|edu|gov|mil|int|io|co|me|tv|cc|app|dev|shop|store|online|site|xyz|club|top|blog|eu|asia|de|fr|"
    "es|it|nl|be|ch|at|pl|cz|sk|hu|ro|bg|gr|pt|se|no|dk|fi|ee|lv|lt|ie|uk|ru|by|kz|ua|su|рф|tr|il|ir|in|pk|bd|lk|cn|jp|"
    "kr|tw|hk|sg|my|id|th|vn|ph|au|nz|ca|us|mx|br|ar|cl|pe|ve|za|ng|ke|eg|ma|ae|sa"
)
_END = r"(?:[/?#:][^\s<>\"]*)?"
# Addresses with a scheme, ones that begin with www., and bare host names in a common top-level domain.
URL_PATTERN = (
    r"(?i)\b(?:(?:https?|ftps?|file)://[^\s<>\"]+|(?:data|mailto|javascript):[^\s<>\"]+|www\.[^\s<>\"]+"
    rf"|[\pL0-9](?:[\pL0-9-]*\.)+(?:{_DOMAINS})\b{_END})"
)
_URL = Pattern(URL_PATTERN)
_MOST = 0.5


def url_ratio(captions: pa.Array) -> pa.DoubleArray:
    """Measures the share of a caption's visible code points that are in web addresses or bare host names.

    Args:
        captions: string[n], nullable.

    Returns:
        float64[n]; 0 without visible code points, null where null.

    >>> url_ratio(pa.array(["www.example.com", "dogs: example.com", "a dog", None])).to_pylist()
    [1.0, 0.6875, 0.0, None]
    """
    points = flatten(captions)
    whole = points.visible_lengths
    outside = whole.copy()
    rows = np.flatnonzero(points.count(_hints(points)))
    if len(rows):
        left = flatten(_URL.replace(clean_strings(captions).take(pa.array(rows)), " "))
        outside[rows] = left.visible_lengths
    return measure_array(ratio(whole - outside, whole), points)


def is_not_url(captions: pa.Array) -> pa.BooleanArray:
    """Keeps captions of which less than half is web addresses; captions that only mention a site are kept.

    Args:
        captions: string[n], nullable.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    >>> is_not_url(pa.array(["https://example.com/a.jpg", "a dog asleep on a sofa, by example.com", None])).to_pylist()
    [False, True, False]
    """
    return pc.fill_null(pc.less(url_ratio(captions), _MOST), False)


def _hints(points: CodePoints) -> np.ndarray:
    """Returns bool[m], dots before two letters or after a w, colons before a slash, letters before one: mailto:."""
    letters = points.has(LETTER)
    hints = (points.values == ord(".")) & points.before(letters & points.before(letters))
    hints |= ends_www(points)
    colons = points.values == ord(":")
    if colons.any():
        hints |= colons & points.before(points.values == ord("/"))
        hints |= points.before(colons) & letters
    return hints


def ends_www(points: CodePoints) -> np.ndarray:
    """Returns bool[m], the dots that "www." may end in."""
    dots = np.flatnonzero(points.values == ord("."))
    ends = np.zeros(len(points.values), dtype=bool)
    ends[dots] = (points.values[dots - 1] | 0x20) == ord("w")
    return ends
