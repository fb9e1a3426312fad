"""What share of a caption is letters, digits, punctuation or capitals.

Shares are of the visible code points: no spaces, controls, format characters or variation selectors.
"""

from __future__ import annotations

import pyarrow as pa

from babelsift.filters.strings import (
    DIGIT,
    LETTER,
    LOWER,
    MARK,
    SYMBOL,
    UPPER,
    at_least,
    at_most,
    check_ratio,
    flatten,
    measure_array,
    ratio,
)


def letter_ratio(captions: pa.Array) -> pa.DoubleArray:
    """Measures the share of letters and marks (vowel signs of Indic scripts, accents) among visible code points.

    Args:
        captions: string[n], nullable.

    Returns:
        float64[n]; 0 without visible code points, null where null.

    >>> letter_ratio(pa.array(["dog 12", "♥", None])).to_pylist()
    [0.6, 0.0, None]
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

    >>> has_min_letter_ratio(pa.array(["dog 12", "12 34", None]), minimum=0.5).to_pylist()
    [True, False, False]
    """
    return at_least(letter_ratio(captions), check_ratio("minimum", minimum))


def digit_ratio(captions: pa.Array) -> pa.DoubleArray:
    """Measures the share of decimal digits of any script among visible code points.

    Args:
        captions: string[n], nullable.

    Returns:
        float64[n]; 0 without visible code points, null where null.

    >>> digit_ratio(pa.array(["dog 1", "٣٤", None])).to_pylist()
    [0.25, 1.0, None]
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

    >>> has_max_digit_ratio(pa.array(["dog 1", "12 34", None]), maximum=0.5).to_pylist()
    [True, False, False]
    """
    return at_most(digit_ratio(captions), check_ratio("maximum", maximum))


def punctuation_ratio(captions: pa.Array) -> pa.DoubleArray:
    """Measures the share of punctuation and symbols (P* and S*, emoji among them) among visible code points.

    Args:
        captions: string[n], nullable.

    Returns:
        float64[n]; 0 without visible code points, null where null.

    >>> punctuation_ratio(pa.array(["dog!", "-- ++", None])).to_pylist()
    [0.25, 1.0, None]
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

    >>> has_max_punctuation_ratio(pa.array(["dog!", "-- ++", None]), maximum=0.5).to_pylist()
    [True, False, False]
    """
    return at_most(punctuation_ratio(captions), check_ratio("maximum", maximum))


def uppercase_ratio(captions: pa.Array) -> pa.DoubleArray:
    """Measures the share of capitals among letters that have case; scripts without case never count as capitals.

    Args:
        captions: string[n], nullable.

    Returns:
        float64[n]; 0 without cased letters, null where null.

    >>> uppercase_ratio(pa.array(["Dogs", "DOG", "犬", None])).to_pylist()
    [0.25, 1.0, 0.0, None]
    """
    points = flatten(captions)
    return measure_array(ratio(points.count(points.has(UPPER)), points.count(points.has(UPPER | LOWER))), points)


def has_max_uppercase_ratio(captions: pa.Array, *, maximum: float) -> pa.BooleanArray:
    """Keeps captions of whose cased letters at most `maximum` are capitals.

    Args:
        captions: string[n], nullable.
        maximum: 0 to 1.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    Raises:
        ValueError: maximum is not within 0 and 1.

    >>> has_max_uppercase_ratio(pa.array(["Dogs", "DOG", "犬", None]), maximum=0.5).to_pylist()
    [True, False, True, False]
    """
    return at_most(uppercase_ratio(captions), check_ratio("maximum", maximum))


def _visible_ratio(captions: pa.Array, flags: int) -> pa.DoubleArray:
    points = flatten(captions)
    return measure_array(ratio(points.count(points.has(flags)), points.visible_lengths), points)
