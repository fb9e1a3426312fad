"""How a column's values are spread, for the report: counts that add up whatever the order of the batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_DIGITS = 3  # significant, of numbers that are counted together
_MAX_WORDS = 1000  # different ones, beyond which a column holds texts rather than labels
_MAX_WORD_CHARACTERS = 40
_MAX_ERRORS = 3


@dataclass(frozen=True)
class ColumnCounts:
    """How often a column has which value.

    Attributes:
        rows: all of them. nulls: those without a value.
        numbers: number, to three significant digits -> rows; of numeric columns.
        languages: language -> the same of its rows, where languages are known.
        words: string, or item of a list -> rows; of others. None: there are too many to be labels.
        failed: rows of which no value could be made. errors: a few of the reasons, the first by the alphabet.
    """

    rows: int = 0
    nulls: int = 0
    numbers: Mapping[float, int] = field(default_factory=dict)
    words: Mapping[str, int] | None = field(default_factory=dict)
    failed: int = 0
    errors: tuple[str, ...] = ()
    languages: Mapping[str, Mapping[float, int]] = field(default_factory=dict)

    def __add__(self, other: ColumnCounts) -> ColumnCounts:
        numbers = Counter(self.numbers) + Counter(other.numbers)
        words = None if self.words is None or other.words is None else Counter(self.words) + Counter(other.words)
        rows, nulls = self.rows + other.rows, self.nulls + other.nulls
        errors = tuple(sorted({*self.errors, *other.errors})[:_MAX_ERRORS])
        languages = {
            language: dict(Counter(self.languages.get(language)) + Counter(other.languages.get(language)))
            for language in {**self.languages, **other.languages}
        }
        return ColumnCounts(rows, nulls, dict(numbers), _few(words), self.failed + other.failed, errors, languages)

    def with_errors(self, errors: Iterable[str]) -> ColumnCounts:
        """Returns the counts with why rows have no value, a text a row."""
        texts = list(errors)
        return self + ColumnCounts(failed=len(texts), errors=tuple(texts))


def count_values(values: pa.Array, languages: pa.Array | None = None) -> ColumnCounts:
    """Returns the counts of a column's values.

    Args:
        values: numbers, strings, booleans, lists of strings, or anything else that is shown as text; nullable.
        languages: string[n], nullable, by which numbers are counted, too; None: they are not known.

    >>> count_values(pa.array([0.12345, 0.1234, None])).numbers
    {0.123: 2}
    >>> count_values(pa.array(["a", "b", "a"])).words
    {'a': 2, 'b': 1}
    """
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_decimal(values.type) or pa.types.is_null(values.type):
        values = values.cast(pa.float64())
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        is_known = ~np.isnan(numbers)
        rounded = round_to_digits(numbers[is_known])
        by_language = {} if languages is None else _by_language(rounded, languages.filter(pa.array(is_known)))
        nulls = len(values) - len(rounded)
        return ColumnCounts(len(values), nulls, numbers=_rows_by_number(rounded), languages=by_language)
    is_list = pa.types.is_list(values.type) or pa.types.is_large_list(values.type)
    words: Counter[str] = Counter()
    for item in pc.value_counts(pc.list_flatten(values) if is_list else values).to_pylist():
        if item["values"] is not None:
            words[str(item["values"])[:_MAX_WORD_CHARACTERS]] += item["counts"]
    return ColumnCounts(len(values), values.null_count, words=_few(words))


def count_column(batch: pa.RecordBatch, name: str) -> ColumnCounts:
    """Returns the counts of a batch's column, by the batch's languages where it has them.

    Args:
        batch: n rows.
        name: of the column.

    >>> batch = pa.record_batch({"score": [0.5, 1.0], "language": ["en", None]})
    >>> count_column(batch, "score").languages
    {'en': {0.5: 1}}
    """
    languages = batch.column("language") if "language" in batch.schema.names else None
    return count_values(batch.column(name), languages)


def merge_column_counts(counts: Iterable[Mapping[str, ColumnCounts]]) -> dict[str, ColumnCounts]:
    """Returns the sum of counts by column.

    Args:
        counts: {column: its counts} of each part; a part may lack columns.

    >>> merge_column_counts([{"a": ColumnCounts(1)}, {"a": ColumnCounts(2)}])["a"].rows
    3
    """
    total: dict[str, ColumnCounts] = {}
    for one in counts:
        for name, of_column in one.items():
            total[name] = total[name] + of_column if name in total else of_column
    return total


def _rows_by_number(numbers: np.ndarray) -> dict[float, int]:
    different, rows = np.unique(numbers, return_counts=True)
    return dict(zip(different.tolist(), rows.tolist(), strict=True))


def _by_language(numbers: np.ndarray, languages: pa.Array) -> dict[str, dict[float, int]]:
    encoded = languages if pa.types.is_dictionary(languages.type) else languages.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    words = encoded.dictionary.to_pylist()
    return {words[code]: _rows_by_number(numbers[codes == code]) for code in np.unique(codes[codes >= 0]).tolist()}


def _few(words: Counter[str] | None) -> dict[str, int] | None:
    # Counts only grow, so that whether there are too many does not depend on the order in which they are summed.
    return None if words is None or len(words) > _MAX_WORDS else dict(words)


def round_to_digits(numbers: np.ndarray) -> np.ndarray:
    """Returns numbers to three significant digits.

    Args:
        numbers: float64[n], none of them NaN.

    >>> round_to_digits(np.array([0.12345, 1234.0])).tolist()
    [0.123, 1230.0]
    """
    finite = np.isfinite(numbers) & (numbers != 0)
    digits = np.zeros(len(numbers))
    digits[finite] = np.floor(np.log10(np.abs(numbers[finite]))) - (_DIGITS - 1)
    powers = 10.0 ** np.abs(digits)  # whole, so that dividing by it gives the nearest double of the decimal number
    with np.errstate(invalid="ignore"):
        small = np.round(numbers * powers) / powers
        large = np.round(numbers / powers) * powers
    return np.where(digits < 0, small, large)
