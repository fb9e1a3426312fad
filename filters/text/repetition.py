"""How much a caption repeats itself."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from babelsift.filters.strings import (
    DIGIT,
    LETTER,
    MARK,
    SYMBOL,
    CodePoints,
    at_most,
    check_ratio,
    clean_strings,
    flatten,
    inside_words,
    keep_mask,
    lower_table,
    measure_array,
    ratio,
    tokenize,
)

_FIRST_UNSPACED = 0x0E00
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


def token_repetition_ratio(captions: pa.Array) -> pa.DoubleArray:
    """Measures the share of tokens that an earlier token of the caption already was: 1 - distinct / all.

    Tokens are as `tokenize` finds them.

    Args:
        captions: string[n], nullable.

    Returns:
        float64[n]; 0 without tokens, null where null.

    Source:
        CC12M (<= 0.2); its paper names the ratio and gives no formula.

    >>> token_repetition_ratio(pa.array(["dog dog dog dog", "a dog", None])).to_pylist()
    [0.75, 0.0, None]
    """
    points = flatten(captions)
    tokens = tokenize(captions)
    rows, hashes = tokens.rows, tokens.hashes
    # One sort finds repetitions: the row above, as much of the hash as there is room for (40 bits at 10 million rows).
    room = np.uint64(64 - max(len(points), 2).bit_length())
    keys = np.sort((rows.astype(np.uint64) << room) | (hashes >> (np.uint64(64) - room)))
    again = (keys[1:][keys[1:] == keys[:-1]] >> room).astype(np.int64)
    repeated = np.bincount(again, minlength=len(points))
    return measure_array(ratio(repeated, np.bincount(rows, minlength=len(points))), points)


def has_max_token_repetition_ratio(captions: pa.Array, *, maximum: float) -> pa.BooleanArray:
    """Keeps captions of whose tokens at most `maximum` are repetitions; see `token_repetition_ratio`.

    Args:
        captions: string[n], nullable.
        maximum: 0 to 1.

    Returns:
        bool[n], no nulls; a null caption is not kept.

    Raises:
        ValueError: maximum is not within 0 and 1.

    Source:
        CC12M (<= 0.2).

    >>> has_max_token_repetition_ratio(pa.array(["dog dog dog dog", "a dog", None]), maximum=0.5).to_pylist()
    [False, True, False]
    """
    check_ratio("maximum", maximum)
    points = flatten(captions)
    answer = np.ones(len(points), dtype=bool)
    rows = np.flatnonzero(_most_repeated(points) > maximum)
    if len(rows):
        ratios = token_repetition_ratio(clean_strings(captions).take(pa.array(rows)))
        answer[rows] = at_most(ratios, float(maximum)).to_numpy(zero_copy_only=False)
    return keep_mask(answer, points)


def _most_repeated(points: CodePoints) -> np.ndarray:
    """Returns float64[n], upper bounds of the rows' ratios, at a fifth of the price: few rows need the exact ratio.

    Words with the same length and the same first, middle and last letter count as equal. Rows with letters from Thai
    on in Unicode, where scripts without spaces are, get 1.
    """
    flags, values, starts = points.flags, points.values, points.starts
    dropped = inside_words(points)
    if dropped.any():
        points = points.select(~dropped)
        flags, values, starts = flags[~dropped], points.values, points.starts
    word = (flags & np.uint8(LETTER | MARK | DIGIT)) != 0
    opens, closes = word.copy(), word.copy()
    opens[1:] &= ~word[:-1]
    closes[:-1] &= ~word[1:]
    filled = points.lengths > 0
    opens[starts[:-1][filled]] = word[starts[:-1][filled]]
    closes[starts[1:][filled] - 1] = word[starts[1:][filled] - 1]
    first, last = np.flatnonzero(opens), np.flatnonzero(closes)
    tokens = np.diff(np.searchsorted(first, starts))
    lower = lower_table()
    alike = lower[values[first]].astype(np.uint64) << np.uint64(26)
    alike ^= lower[values[last]].astype(np.uint64) << np.uint64(13)
    alike ^= lower[values[(first + last) >> 1]].astype(np.uint64)
    alike = (alike << np.uint64(6)) ^ (last - first).astype(np.uint64)
    rows = np.repeat(np.arange(len(points), dtype=np.uint64), tokens)
    # As many low bits as there is room for beside the row: the bits left out only make more words alike.
    room = np.uint64(64 - max(len(points), 2).bit_length())
    keys = np.sort((rows << room) | ((alike * _SPREAD) >> (np.uint64(64) - room)))
    again = (keys[1:][keys[1:] == keys[:-1]] >> room).astype(np.int64)
    most = ratio(np.bincount(again, minlength=len(points)), tokens)
    most[points.count((values >= _FIRST_UNSPACED) & ((flags & np.uint8(SYMBOL)) == 0)) > 0] = 1
    return most
