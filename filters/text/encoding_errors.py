"""Captions that were damaged on the way: text decoded with the wrong encoding, control characters."""

from __future__ import annotations

import ftfy
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.strings import CodePoints, clean_strings, flatten, keep_mask

_REPLACEMENT = 0xFFFD
# Tab, line feed, vertical tab, form feed, carriage return and next line are spaces.
_SPACES = (0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x85)
# What the lead bytes C2-F4 of UTF-8 become in the single-byte encodings that it is mistaken for.
_MOJIBAKE_FROM, _MOJIBAKE_TO = 0x80, 0x52F


def is_free_of_control_characters(captions: pa.Array) -> pa.BooleanArray:
    """Keeps captions without control characters (C0, DEL, C1) or non-characters; tabs and line ends are spaces.

    Right-to-left and left-to-right marks, joiners and other format characters are text, not control characters.

    Args:
        captions: string[n], nullable.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    >>> captions = pa.array(["a dog", "a" + chr(7) + "dog", "two" + chr(10) + "lines", None])
    >>> is_free_of_control_characters(captions).to_pylist()
    [True, False, True, False]
    """
    points = flatten(captions)
    return keep_mask(points.count(_controls(points)) == 0, points)


def count_control_characters(captions: pa.Array) -> pa.Array:
    """Counts control characters; see `is_free_of_control_characters`.

    Args:
        captions: string[n], nullable.

    Returns:
        int64[n], null where null.

    >>> count_control_characters(pa.array(["a dog", "a" + chr(7) + "dog", None])).to_pylist()
    [0, 1, None]
    """
    points = flatten(captions)
    return pa.array(points.count(_controls(points)), mask=~points.valid)


def is_free_of_mojibake(captions: pa.Array) -> pa.BooleanArray:
    """Keeps captions that were not decoded with a wrong encoding ("cafÃ© Ð¡Ð¾Ð±Ð°ÐºÐ°") and hold no U+FFFD.

    Args:
        captions: string[n], nullable.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    Source:
        ftfy's badness heuristic.

    >>> is_free_of_mojibake(pa.array(["café", "cafÃ© dâ€™Orsay", None])).to_pylist()
    [True, False, False]
    """
    points = flatten(captions)
    answer = points.count(points.values == _REPLACEMENT) == 0
    rows = np.flatnonzero(may_be_mojibake(points) & answer)
    texts = clean_strings(captions).take(pa.array(rows, pa.int64())).to_pylist()
    answer[rows] = [not ftfy.badness.is_bad(text) for text in texts]
    return keep_mask(answer, points)


def repair_mojibake(captions: pa.Array) -> pa.LargeStringArray:
    """Returns captions with mojibake decoded again where ftfy finds how; other captions as they are.

    Args:
        captions: string[n], nullable.

    Returns:
        large_string[n], null where the caption is.

    Source:
        ftfy.fix_encoding.

    >>> repair_mojibake(pa.array(["café", "cafÃ© dâ€™Orsay", None])).to_pylist()
    ['café', 'café d’Orsay', None]
    """
    strings = clean_strings(captions)
    rows = np.flatnonzero(may_be_mojibake(flatten(strings)))
    if not len(rows):
        return strings
    repaired = [ftfy.fix_encoding(text) for text in strings.take(pa.array(rows)).to_pylist()]
    mask = np.zeros(len(strings), dtype=bool)
    mask[rows] = True
    # A repair can bring lone surrogates to light that were encoded twice; those stay replaced.
    texts = [text.encode("utf-8", "replace").decode() for text in repaired]
    return pc.replace_with_mask(strings, pa.array(mask), pa.array(texts, pa.large_string()))


def may_be_mojibake(points: CodePoints) -> np.ndarray:
    """Returns bool[n], the rows with two neighbouring characters, the first of which may be a mistaken lead byte."""
    wide = points.values >= _MOJIBAKE_FROM
    if not wide.any():
        return np.zeros(len(points), dtype=bool)
    pairs = np.zeros(len(wide), dtype=bool)
    pairs[:-1] = wide[:-1] & wide[1:] & (points.values[:-1] <= _MOJIBAKE_TO)
    lengths = np.diff(points.starts)
    pairs[points.starts[1:][lengths > 0] - 1] = False  # a row's last character and the next row's first are no pair
    return points.count(pairs) > 0


def _controls(points: CodePoints) -> np.ndarray:
    values = points.values
    control = (values < 0x20) | ((values >= 0x7F) & (values < 0xA0))
    control |= ((values & 0xFFFE) == 0xFFFE) | ((values >= 0xFDD0) & (values <= 0xFDEF))
    return control & ~np.isin(values, _SPACES) if control.any() else control
