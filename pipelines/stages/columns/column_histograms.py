"""How a column's values are spread, for the report: counts that add up whatever the order of the batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.selection import holds_numbers, numbers_of

_DIGITS = 3  # significant, of numbers that are counted together
_MAX_WORD_CHARACTERS = 40


@dataclass(frozen=True)
class ColumnCounts:
    """How often a column has which value.

    Attributes:
        rows: all of them. nulls: those without a value.
        numbers: number, to three significant digits -> rows; of numeric columns.
        words: string, or item of a list -> rows; of others.
    """

    rows: int = 0
    nulls: int = 0
    numbers: Mapping[float, int] = field(default_factory=dict)
    words: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: ColumnCounts) -> ColumnCounts:
        numbers = Counter(self.numbers) + Counter(other.numbers)
        words = Counter(self.words) + Counter(other.words)
        return ColumnCounts(self.rows + other.rows, self.nulls + other.nulls, dict(numbers), dict(words))


def count_values(values: pa.Array) -> ColumnCounts:
    """Returns the counts of a column's values.

    >>> count_values(pa.array([0.12345, 0.1234, None])).numbers
    {0.123: 2}
    """
    if holds_numbers(values.type):
        numbers, missing = numbers_of(values)
        known = numbers[~missing].astype(np.float64)
        rounded, counts = np.unique(_rounded(known), return_counts=True)
        by_number = dict(zip(rounded.tolist(), counts.tolist(), strict=True))
        return ColumnCounts(len(values), int(missing.sum()), numbers=by_number)
    items = pc.list_flatten(values) if pa.types.is_list(values.type) else values
    counted = {item["values"]: item["counts"] for item in pc.value_counts(items).to_pylist()}
    words: Counter[str] = Counter()
    for word, rows in counted.items():
        if word is not None:
            words[str(word)[:_MAX_WORD_CHARACTERS]] += rows
    return ColumnCounts(len(values), values.null_count, words=dict(words))


def _rounded(numbers: np.ndarray) -> np.ndarray:
    finite = np.isfinite(numbers) & (numbers != 0)
    powers = np.ones_like(numbers)
    powers[finite] = 10.0 ** (np.floor(np.log10(np.abs(numbers[finite]))) - (_DIGITS - 1))
    with np.errstate(invalid="ignore"):
        return np.round(np.round(numbers / powers) * powers, 12)
