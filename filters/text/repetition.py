"""How much a caption repeats itself."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from filters.code_points import flatten, measured
from filters.text.thresholds import at_most, check_ratio, ratio
from filters.text.tokens import tokenize


def token_repetition_ratio(captions: pa.Array) -> pa.DoubleArray:
    """Measures the share of tokens that an earlier token of the caption already was: 1 - distinct / all.

    Tokens are as `tokenize` finds them.

    Args: captions: string[n], nullable. Returns: float64[n]; 0 without tokens, null where null.
    Source: CC12M (<= 0.2); its paper names the ratio and gives no formula.
    """
    points = flatten(captions)
    tokens = tokenize(captions)
    rows, hashes = tokens.rows, tokens.hashes
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
