"""Captions that say nothing of the image: placeholders that pages put there by default, in many languages."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.strings import (
    INVISIBLE,
    LETTER,
    MARK,
    CodePoints,
    FirstWords,
    clean_strings,
    flatten,
    keep_mask,
    normalise,
)
from babelsift.filters.text.boilerplate_phrases import PHRASES, WORDS
from babelsift.filters.text.stripping.phrase_lists import phrases_alone

# No phrase is longer, and a caption of placeholder words only rarely is: long captions need no look-up.
_LONGEST = 80
_SPACE = 0x20


def normalise_caption(captions: pa.Array) -> pa.LargeStringArray:
    """Returns captions as boilerplate is compared: NFKC, lower case, letters and marks, the rest as single spaces.

    Control, format and zero-width characters vanish, and spaces at both ends.

    Args:
        captions: string[n], nullable.

    Returns:
        large_string[n], null where the caption is.

    >>> normalise_caption(pa.array(["Image (3)", "Zum Vergrößern klicken!"])).to_pylist()
    ['image', 'zum vergrößern klicken']
    """
    points = flatten(pc.utf8_lower(normalise(clean_strings(captions), "NFKC")))
    # Lower-casing leaves U+0307 of the Turkish dotted capital I.
    points = points.select(~points.has(INVISIBLE) & (points.values != 0x307))
    values = np.where(points.has(LETTER | MARK), points.values, _SPACE).astype(np.uint32)
    return pc.utf8_trim(
        CodePoints(values, points.starts, points.valid).select(_one_space(points, values)).to_strings(), " "
    )


def is_not_boilerplate(captions: pa.Array) -> pa.BooleanArray:
    """Keeps captions that are more than a placeholder ("image", "Bild 3", "click to enlarge", "图片").

    A caption is boilerplate when, normalised, it is one of PHRASES, is nothing but what galleries, shops and stock
    agencies put beside a description ("stock photo"), or has no word outside WORDS. A caption without any letter is not
    boilerplate (letter ratios tell it).

    Args:
        captions: string[n], nullable.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    >>> is_not_boilerplate(pa.array(["Bild 3", "click to enlarge", "图片", "a dog on a sofa", None])).to_pylist()
    [False, False, False, True, False]
    """
    points = flatten(captions)
    answer = np.ones(len(points), dtype=bool)
    short = np.flatnonzero((points.lengths <= _LONGEST) & _first_words().may_begin(points))
    normalised = normalise_caption(clean_strings(captions).take(pa.array(short)))
    answer[short] = ~(_is_phrase(normalised) | _is_all_words(normalised))
    return keep_mask(answer, points)


def _one_space(points: CodePoints, values: np.ndarray) -> np.ndarray:
    keep = np.ones(len(values), dtype=bool)
    keep[1:] = (values[1:] != _SPACE) | (values[:-1] != _SPACE) | (points.rows[1:] != points.rows[:-1])
    return keep


def _is_phrase(normalised: pa.LargeStringArray) -> np.ndarray:
    return pc.is_in(normalised, _known()[0]).to_numpy(zero_copy_only=False)


def _is_all_words(normalised: pa.LargeStringArray) -> np.ndarray:
    lists = pc.split_pattern(pc.fill_null(normalised, ""), " ")
    words = pc.list_flatten(lists)
    unlisted = pc.invert(pc.is_in(words, _known()[1])).to_numpy(zero_copy_only=False)
    rows = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    return np.bincount(rows[unlisted], minlength=len(normalised)) == 0


@cache
def _first_words() -> FirstWords:
    return FirstWords(pc.fill_null(pa.chunked_array(_known()), "").to_pylist())


@cache
def _known() -> tuple[pa.LargeStringArray, pa.LargeStringArray]:
    return _normalised_set(PHRASES | phrases_alone()), _normalised_set(WORDS)


def _normalised_set(entries: frozenset[str]) -> pa.LargeStringArray:
    return normalise_caption(pa.array(sorted(entries), pa.large_string()))
