"""How much a caption repeats itself."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.code_points import DIGIT, INVISIBLE, LETTER, MARK, CodePoints, clean_strings, flatten, measured
from filters.mixing import mix64
from filters.script import script_table
from filters.text.lengths import is_unspaced
from filters.text.thresholds import at_most, check_ratio, ratio

_APOSTROPHES = "'\u02bc\u2019"


def token_repetition_ratio(captions: pa.Array) -> pa.DoubleArray:
    """Measures the share of tokens that an earlier token of the caption already was: 1 - distinct / all.

    Tokens are runs of letters, marks and digits in lower case; in scripts without spaces between words, each pair of
    neighbouring characters (a single one where it stands alone), as single characters repeat in any sentence.

    Args: captions: string[n], nullable. Returns: float64[n]; 0 without tokens, null where null.
    Source: CC12M (<= 0.2); its paper names the ratio and gives no formula.
    """
    points = flatten(pc.utf8_lower(clean_strings(captions)))
    rows, hashes = _tokens(points)
    # One sort finds repetitions: the row above, as much of the hash as there is room for (40 bits at 10 million rows).
    room = np.uint64(64 - max(len(points), 2).bit_length())
    keys = np.sort((rows.astype(np.uint64) << room) | (hashes >> (np.uint64(64) - room)))
    again = (keys[1:][keys[1:] == keys[:-1]] >> room).astype(np.int64)
    repeated = np.bincount(again, minlength=len(points))
    return measured(ratio(repeated, np.bincount(rows, minlength=len(points))), points)


def has_max_token_repetition_ratio(captions: pa.Array, *, maximum: float) -> pa.BooleanArray:
    """Keeps captions of whose tokens at most `maximum` are repetitions; see `token_repetition_ratio`.

    Args: captions: string[n], nullable. maximum: 0 to 1.
    Returns: bool[n], no nulls; a null caption is not kept.
    Raises: ValueError: maximum is not within 0 and 1.
    Source: CC12M (<= 0.2).
    """
    return at_most(token_repetition_ratio(captions), check_ratio("maximum", maximum))


def _tokens(points: CodePoints) -> tuple[np.ndarray, np.ndarray]:
    """Returns (int64[t] rows, uint64[t] hashes) of all tokens."""
    # Apostrophes and joiners are inside a word ("don't"); what else is no letter or digit parts words.
    points = points.select(~(points.has(INVISIBLE) | points.among(_APOSTROPHES)))
    word = points.has(LETTER | MARK | DIGIT)
    values, rows = points.values.astype(np.uint64), points.rows
    unspaced = word & is_unspaced(script_table()[points.values])
    spaced = word & ~unspaced
    joins = np.zeros(len(values), dtype=bool)
    joins[1:] = rows[1:] == rows[:-1]
    opens = spaced & ~(joins & _shifted(spaced))
    starts = np.flatnonzero(opens)
    # The hash of a word is the sum of its mixed (position, code point) pairs.
    position = np.arange(len(values)) - starts[np.maximum(np.cumsum(opens) - 1, 0)] if len(starts) else rows
    mixed = mix64(values | (position.astype(np.uint64) << np.uint64(21)))
    mixed[~spaced] = 0
    words = np.add.reduceat(mixed, starts) if len(starts) else np.zeros(0, dtype=np.uint64)
    second = unspaced & joins & _shifted(unspaced)
    pairs = np.flatnonzero(second)
    pair_hashes = mix64(values[pairs - 1] | (values[pairs] << np.uint64(21)) | np.uint64(1 << 63))
    followed = np.zeros(len(values), dtype=bool)
    followed[:-1] = second[1:]
    singles = np.flatnonzero(unspaced & ~second & ~followed)
    single_hashes = mix64(values[singles] | np.uint64(1 << 62))
    token_rows = np.concatenate([rows[starts], rows[pairs], rows[singles]])
    return token_rows, np.concatenate([words, pair_hashes, single_hashes])


def _shifted(mask: np.ndarray) -> np.ndarray:
    before = np.zeros(len(mask), dtype=bool)
    before[1:] = mask[:-1]
    return before
