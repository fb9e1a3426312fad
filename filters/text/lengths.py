"""How long a caption is, in characters and in words."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.strings import (
    DIGIT,
    LETTER,
    SPACE,
    TWELFTHS_OF_A_WORD,
    WORD_TWELFTHS,
    CodePoints,
    at_least,
    at_most,
    check_count,
    clean_strings,
    flatten,
    letter_scripts,
    measure_array,
)

_FASTTEXT_BLANKS = np.array([ord(blank) for blank in " \t\n\v\f\r\0"])
# U+0E00, where Thai begins: no code point before it is of an unspaced script.
_FIRST_UNSPACED = 0x0E00


def count_characters(captions: pa.Array) -> pa.Int64Array:
    """Counts code points, spaces included.

    Args:
        captions: string[n], nullable.

    Returns:
        int64[n], null where the caption is.

    >>> count_characters(pa.array(["a dog", "né", None])).to_pylist()
    [5, 2, None]
    """
    return pc.utf8_length(clean_strings(captions))


def has_min_characters(captions: pa.Array, *, minimum: int) -> pa.BooleanArray:
    """Keeps captions with at least `minimum` code points.

    Args:
        captions: string[n], nullable.
        minimum: code points, >= 0.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    Raises:
        ValueError: minimum < 0.

    Source:
        LAION-400M (>= 5 characters).

    >>> has_min_characters(pa.array(["dog", "a dog", None]), minimum=5).to_pylist()
    [False, True, False]
    """
    return at_least(count_characters(captions), check_count("minimum", minimum))


def has_max_characters(captions: pa.Array, *, maximum: int) -> pa.BooleanArray:
    """Keeps captions with at most `maximum` code points.

    Args:
        captions: string[n], nullable.
        maximum: code points, >= 0.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    Raises:
        ValueError: maximum < 0.

    >>> has_max_characters(pa.array(["dog", "a dog", None]), maximum=3).to_pylist()
    [True, False, False]
    """
    return at_most(count_characters(captions), check_count("maximum", maximum))


def count_words(captions: pa.Array) -> pa.Int64Array:
    """Counts words: runs of text between spaces, and within them the words of scripts that are written without spaces.

    A run of text between spaces (as `str.split` splits) is one word, unless it has letters of Han, kana, Thai, Lao,
    Khmer, Myanmar, Tibetan or another unspaced script. Those letters are divided by the script's average word length
    (1.5 Han characters, 2 Hiragana, 4 Katakana or Khmer, 3 Thai, Lao or Myanmar, 2 Tibetan letters), added up and
    rounded up; letters and digits of others in the same run are one word more. Captions of spaced scripts so have
    added up and exactly the count that DataComp's `len(caption.split())` gives.

    Args:
        captions: string[n], nullable.

    Returns:
        int64[n], null where the caption is.

    >>> count_words(pa.array(["a dog on a sofa", "雪山の風景", "iPhone 手机壳", None])).to_pylist()
    [5, 4, 3, None]
    """
    points = flatten(captions)
    opens = _opens_word(points)
    words = points.count(opens)
    # Rows of spaced scripts alone, nearly all in most batches, are done.
    rows = points.count(points.values >= _FIRST_UNSPACED) > 0
    if rows.any():
        unspaced = CodePoints(points.values[rows[points.rows]], _starts(points.lengths[rows]), points.valid[rows])
        words[rows] += _extra_words(unspaced)
    return measure_array(words, points)


def has_min_words(captions: pa.Array, *, minimum: int) -> pa.BooleanArray:
    """Keeps captions with at least `minimum` words, counted as `count_words` does.

    Args:
        captions: string[n], nullable.
        minimum: words, >= 0.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    Raises:
        ValueError: minimum < 0.

    Source:
        ALIGN, CC12M (>= 3 words), DataComp (> 2 words).

    >>> has_min_words(pa.array(["a dog", "a dog asleep", None]), minimum=3).to_pylist()
    [False, True, False]
    """
    return at_least(count_words(captions), check_count("minimum", minimum))


def has_max_words(captions: pa.Array, *, maximum: int) -> pa.BooleanArray:
    """Keeps captions with at most `maximum` words, counted as `count_words` does.

    Args:
        captions: string[n], nullable.
        maximum: words, >= 0.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    Raises:
        ValueError: maximum < 0.

    Source:
        ALIGN (<= 20 words), CC12M, COYO-700M (<= 256 words).

    >>> has_max_words(pa.array(["a dog", "a dog asleep", None]), maximum=2).to_pylist()
    [True, False, False]
    """
    return at_most(count_words(captions), check_count("maximum", maximum))


def count_spaced_words(captions: pa.Array) -> pa.Int64Array:
    """Counts runs of text between spaces, as `len(caption.split())` does, whatever the script.

    Args:
        captions: string[n], nullable.

    Returns:
        int64[n], null where the caption is.

    >>> count_spaced_words(pa.array(["a dog on a sofa", "雪山の風景", None])).to_pylist()
    [5, 1, None]
    """
    points = flatten(captions)
    return measure_array(points.count(_opens_word(points)), points)


def has_min_spaced_words(captions: pa.Array, *, minimum: int) -> pa.BooleanArray:
    """Keeps captions with at least `minimum` runs of text between spaces.

    Args:
        captions: string[n], nullable.
        minimum: runs, >= 0.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    Raises:
        ValueError: minimum < 0.

    Source:
        DataComp's basic filter (> 2 words).

    >>> has_min_spaced_words(pa.array(["a dog asleep", "雪山の風景", None]), minimum=3).to_pylist()
    [True, False, False]
    """
    return at_least(count_spaced_words(captions), check_count("minimum", minimum))


def count_fasttext_tokens(captions: pa.Array) -> pa.Int64Array:
    r"""Counts what `fasttext.tokenize` returns: runs of text between ASCII's blanks, and each new line once more.

    Args:
        captions: string[n], nullable.

    Returns:
        int64[n], null where the caption is.

    >>> count_fasttext_tokens(pa.array(["a dog", "a\u00a0dog", "a dog\n", None])).to_pylist()
    [2, 1, 3, None]
    """
    points = flatten(captions)
    opens = _opens_run(points, ~np.isin(points.values, _FASTTEXT_BLANKS))
    return measure_array(points.count(opens) + points.count(points.values == ord("\n")), points)


def has_min_fasttext_tokens(captions: pa.Array, *, minimum: int) -> pa.BooleanArray:
    """Keeps captions with at least `minimum` tokens, as `fasttext.tokenize` has them.

    Args:
        captions: string[n], nullable.
        minimum: tokens, >= 0.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    Raises:
        ValueError: minimum < 0.

    Source:
        DataComp's image-based filter (> 1 token).

    >>> has_min_fasttext_tokens(pa.array(["a dog", "dog", None]), minimum=2).to_pylist()
    [True, False, False]
    """
    return at_least(count_fasttext_tokens(captions), check_count("minimum", minimum))


def _opens_word(points: CodePoints) -> np.ndarray:
    """Returns bool[m], the code points that a run of text between spaces starts with."""
    return _opens_run(points, ~points.has(SPACE))


def _opens_run(points: CodePoints, visible: np.ndarray) -> np.ndarray:
    """Returns bool[m], the code points that a run of visible ones starts with; no run crosses rows."""
    opens = visible.copy()
    if len(opens):
        opens[1:] &= ~visible[:-1]
        row_starts = points.starts[:-1][points.lengths > 0]
        opens[row_starts] = visible[row_starts]
    return opens


def _extra_words(points: CodePoints) -> np.ndarray:
    """Returns int64[n], how many words more than runs between spaces each row has."""
    opens, visible = _opens_word(points), ~points.has(SPACE)
    twelfths = TWELFTHS_OF_A_WORD[letter_scripts(points)]
    others = points.has(LETTER | DIGIT) & (twelfths == 0)
    run, runs = (np.cumsum(opens) - 1)[visible], int(opens.sum())
    units = np.bincount(run, weights=twelfths[visible], minlength=runs).astype(np.int64)
    has_others = np.bincount(run, weights=others[visible], minlength=runs) > 0
    extra = np.where(units > 0, -(-units // WORD_TWELFTHS) + has_others - 1, 0)
    return np.bincount(points.rows[opens], weights=extra, minlength=len(points)).astype(np.int64)


def _starts(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
