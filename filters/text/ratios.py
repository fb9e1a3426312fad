"""What share of a caption is letters, digits, punctuation or capitals.

Shares are of the visible code points: no spaces, controls, format characters or variation selectors.
"""

from __future__ import annotations

import pyarrow as pa

from babelsift.filters.strings.code_points import DIGIT, LETTER, LOWER, MARK, SYMBOL, UPPER, flatten, measured
from babelsift.filters.strings.thresholds import at_least, at_most, check_ratio, ratio


def letter_ratio(captions: pa.Array) -> pa.DoubleArray:
    """Measures the share of letters and marks (vowel signs of Indic scripts, accents) among visible code points.

    Args:
        captions: string[n], nullable.

    Returns:
        float64[n]; 0 without visible code points, null where null.
    """
    return _visible_ratio(captions, LETTER | MARK)


def has_min_letter_ratio(captions: pa.Array, *, minimum: float) -> pa.BooleanArray:
    """Keeps captions of whose visible code points at least `minimum` are letters or marks.

    Args:
        captions: string[n], nullable.
        minimum: 0 to 1.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    Raises:
        ValueError: minimum is not within 0 and 1.
    """
    return at_least(letter_ratio(captions), check_ratio("minimum", minimum))


def digit_ratio(captions: pa.Array) -> pa.DoubleArray:
    """Measures the share of decimal digits of any script among visible code points.

    Args:
        captions: string[n], nullable.

    Returns:
        float64[n]; 0 without visible code points, null where null.
    """
    return _visible_ratio(captions, DIGIT)


def has_max_digit_ratio(captions: pa.Array, *, maximum: float) -> pa.BooleanArray:
    """Keeps captions of whose visible code points at most `maximum` are digits.

    Args:
        captions: string[n], nullable.
        maximum: 0 to 1.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    Raises:
        ValueError: maximum is not within 0 and 1.
    """
    return at_most(digit_ratio(captions), check_ratio("maximum", maximum))


def punctuation_ratio(captions: pa.Array) -> pa.DoubleArray:
    """Measures the share of punctuation and symbols (P* and S*, emoji among them) among visible code points.

    Args:
        captions: string[n], nullable.

    Returns:
        float64[n]; 0 without visible code points, null where null.
    """
    return _visible_ratio(captions, SYMBOL)


def has_max_punctuation_ratio(captions: pa.Array, *, maximum: float) -> pa.BooleanArray:
    """Keeps captions of whose visible code points at most `maximum` are punctuation or symbols.

    Args:
        captions: string[n], nullable.
        maximum: 0 to 1.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    Raises:
        ValueError: maximum is not within 0 and 1.
    """
    return at_most(punctuation_ratio(captions), check_ratio("maximum", maximum))


def uppercase_ratio(captions: pa.Array) -> pa.DoubleArray:
    """Measures the share of capitals among letters that have case; scripts without case never count as capitals.

    Args:
        captions: string[n], nullable.

    Returns:
        float64[n]; 0 without cased letters, null where null.
    """
    points = flatten(captions)
    return measured(ratio(points.count(points.has(UPPER)), points.count(points.has(UPPER | LOWER))), points)


def has_max_uppercase_ratio(captions: pa.Array, *, maximum: float) -> pa.BooleanArray:
    """Keeps captions of whose cased letters at most `maximum` are capitals.

    Args:
        captions: string[n], nullable.
        maximum: 0 to 1.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    Raises:
        ValueError: maximum is not within 0 and 1.
    """
    return at_most(uppercase_ratio(captions), check_ratio("maximum", maximum))


def _visible_ratio(captions: pa.Array, flags: int) -> pa.DoubleArray:
    points = flatten(captions)
    return measured(ratio(points.count(points.has(flags)), points.visible_lengths), points)
