"""The order in which pairs of a group come, as one 64-bit number a pair, and finding the number at a rank by counting.

The lowest number comes first. A rank is found digit by digit, from the highest: counts of 16-bit digits merge, so that
no group needs more memory than 65 536 counters, whatever its size and however many of its pairs tie.
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
    """
    bits = (scores.astype(np.float32) + np.float32(0)).view(np.uint32)  # -0.0 + 0.0 is 0.0
    ascending = np.where(bits & _SIGN, ~bits, bits | _SIGN)
    return np.where(np.isnan(scores), _LAST, ~ascending)


def score_at(key: int) -> float:
    """Returns the score that `highest_first` made this number of."""
    ascending = np.uint32(_LAST - np.uint32(key))
    bits = ascending & ~_SIGN if ascending & _SIGN else ~ascending
    return float(np.array([bits], np.uint32).view(np.float32)[0])


def order_by(scores: np.ndarray | None, draws: np.ndarray) -> np.ndarray:
    """Returns uint64[n]: by score from the highest down, ties by the draws; by the draws alone without scores."""
    if scores is None:
        return draws
    return (highest_first(scores).astype(np.uint64) << np.uint64(32)) | (draws >> np.uint64(32))


def count_digits(keys: np.ndarray, prefix: int, place: int) -> DigitCounts:
    """Returns how many keys have each digit at a place, of those whose higher digits are `prefix`.

    Args:
        keys: uint64[n].
        place: 0 is the highest digit.
    """
    if place:
        keys = keys[keys >> np.uint64(KEY_BITS - DIGIT_BITS * place) == np.uint64(prefix)]
    digits = (keys >> np.uint64(KEY_BITS - DIGIT_BITS * (place + 1))) & np.uint64(0xFFFF)
    found, rows = np.unique(digits, return_counts=True)
    return dict(zip(found.tolist(), rows.tolist(), strict=True))


def add_counts(parts: Iterable[DigitCounts]) -> DigitCounts:
    """Returns the sums of counts."""
    total: DigitCounts = {}
    for part in parts:
        for digit, rows in part.items():
            total[digit] = total.get(digit, 0) + rows
    return total


def digit_at(counts: DigitCounts, rank: int) -> tuple[int, int, int]:
    """Returns (the digit of the key at a rank from 0, its rank among the keys with that digit, how many they are).

    Raises:
        ValueError: there are not so many keys.
    """
    before = 0
    for digit in sorted(counts):
        if rank < before + counts[digit]:
            return digit, rank - before, counts[digit]
        before += counts[digit]
    raise ValueError(f"rank {rank} of {before} keys")
