"""The order of the pairs of a group, as a 64-bit key a pair, and radix select: the key at a rank, found by counting.

The lowest key comes first. A key is found digit by digit, from the highest: counts of 16-bit digits merge, so that no
group needs more memory than 65 536 counters, whatever its size and however many of its pairs tie.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

DIGIT_BITS = 16
KEY_BITS = 64
SCORE_BITS = 32
_LAST = np.uint32(0xFFFFFFFF)
_SIGN = np.uint32(0x80000000)

DigitCounts = dict[int, int]  # digit -> pairs


def highest_first(scores: np.ndarray) -> np.ndarray:
    """Returns uint32[n] that sort as the scores do from the highest down; NaN comes last, after -inf; 0.0 is -0.0.

    Args:
        scores: float32[n].

    >>> np.argsort(highest_first(np.array([0.1, np.nan, 0.3, -0.2], np.float32))).tolist()
    [2, 0, 3, 1]
    """
    bits = (scores.astype(np.float32) + np.float32(0)).view(np.uint32)  # -0.0 + 0.0 is 0.0
    ascending = np.where(bits & _SIGN, ~bits, bits | _SIGN)
    return np.where(np.isnan(scores), _LAST, ~ascending)


def score_at(key: int) -> float:
    """Returns the score that `highest_first` made a number of.

    Args:
        key: from `highest_first`.

    >>> score_at(int(highest_first(np.array([0.25], np.float32))[0]))
    0.25
    """
    ascending = np.uint32(_LAST - np.uint32(key))
    bits = ascending & ~_SIGN if ascending & _SIGN else ~ascending
    return float(np.array([bits], np.uint32).view(np.float32)[0])


def order_by(scores: np.ndarray | None, draws: np.ndarray) -> np.ndarray:
    """Returns the keys that order pairs by score from the highest down, ties by their draws.

    Args:
        scores: float32[n]; None: order by the draws alone.
        draws: uint64[n].

    Returns:
        uint64[n].
    """
    if scores is None:
        return draws
    return (highest_first(scores).astype(np.uint64) << np.uint64(32)) | (draws >> np.uint64(32))


def count_digits(keys: np.ndarray, prefix: int, digit_index: int) -> DigitCounts:
    """Returns how many keys have each digit, among the keys whose higher digits are `prefix`.

    Args:
        keys: uint64[n].
        prefix: the digits above, as a number.
        digit_index: 0 is the highest digit.

    >>> count_digits(np.array([1 << 48, 1 << 48, 2 << 48], np.uint64), prefix=0, digit_index=0)
    {1: 2, 2: 1}
    """
    if digit_index:
        keys = keys[keys >> np.uint64(KEY_BITS - DIGIT_BITS * digit_index) == np.uint64(prefix)]
    digits, rows = np.unique(
        (keys >> np.uint64(KEY_BITS - DIGIT_BITS * (digit_index + 1))) & np.uint64(0xFFFF), return_counts=True
    )
    return dict(zip(digits.tolist(), rows.tolist(), strict=True))


def add_counts(counts: Iterable[DigitCounts]) -> DigitCounts:
    """Returns the sum of counts.

    Args:
        counts: of batches.
    """
    total: DigitCounts = {}
    for chunk in counts:
        for digit, rows in chunk.items():
            total[digit] = total.get(digit, 0) + rows
    return total


def digit_at(counts: DigitCounts, rank: int) -> tuple[int, int, int]:
    """Returns the digit of the key at a rank.

    Args:
        counts: of all keys.
        rank: from 0.

    Returns:
        (the digit, the key's rank among the keys with that digit, how many keys have it).

    Raises:
        ValueError: there are not so many keys.

    >>> digit_at({1: 2, 2: 3}, 3)
    (2, 1, 3)
    """
    before = 0
    for digit in sorted(counts):
        if rank < before + counts[digit]:
            return digit, rank - before, counts[digit]
        before += counts[digit]
    raise ValueError(f"rank {rank} of {before} keys")
