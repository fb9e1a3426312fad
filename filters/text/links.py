"""Captions that are web addresses."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.code_points import LETTER, CodePoints, clean_strings, flatten, kept, measured
from filters.text.thresholds import ratio

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
_MOST = 0.5


def url_ratio(captions: pa.Array) -> pa.DoubleArray:
    """Measures the share of a caption's visible code points that are in web addresses or bare host names.

    Args: captions: string[n], nullable. Returns: float64[n]; 0 without visible code points, null where null.
    """
    strings = clean_strings(captions)
    points = flatten(captions)
    whole = points.visible_lengths
    outside = whole.copy()
    rows = np.flatnonzero(points.count(_hints(points)))
    if len(rows):
        left = flatten(pc.replace_substring_regex(strings.take(pa.array(rows)), URL_PATTERN, " "))
        outside[rows] = left.visible_lengths
    return measured(ratio(whole - outside, whole), points)


def is_not_url(captions: pa.Array) -> pa.BooleanArray:
    """Keeps captions of which less than half is web addresses; one that only mentions a site is kept.

    Args: captions: string[n], nullable. Returns: bool[n], no nulls; a null caption is not kept.
    """
    strings, points = clean_strings(captions), flatten(captions)
    answer = np.ones(len(points), dtype=bool)
    rows = np.flatnonzero(points.count(_hints(points)))
    if len(rows):
        answer[rows] = pc.less(url_ratio(strings.take(pa.array(rows))), _MOST).to_numpy(zero_copy_only=False)
    return kept(answer, points)


def _hints(points: CodePoints) -> np.ndarray:
    """Returns bool[m], dots before two letters, and colons before a slash or after the end of a scheme's name."""
    values = np.concatenate([points.values, [0, 0]])
    letters = np.concatenate([points.has(LETTER), [False, False]])
    hints = (points.values == ord(".")) & letters[1:-1] & letters[2:]
    colons = np.flatnonzero(points.values == ord(":"))
    hints[colons] = (values[colons + 1] == ord("/")) | points.has(LETTER)[colons - 1]
    return hints
