"""Counts as Arrow tables: key columns and a column `rows`, which add up whatever the order in which they come."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from babelsift.filters.counting.column_counts import round_to_digits

ROWS = "rows"


def count_rows_by(table: pa.Table) -> pa.Table:
    """Returns how many rows of a table have the same values: its columns, and int64 `rows`.

    Args:
        table: n rows.

    >>> count_rows_by(pa.table({"host": ["a", "b", "a"]})).sort_by("host").to_pydict()
    {'host': ['a', 'b'], 'rows': [2, 1]}
    """
    counted = table.group_by(table.column_names).aggregate([([], "count_all")])
    return counted.rename_columns([*table.column_names, ROWS])


def count_numbers_by(numbers: pa.Array, languages: pa.Array) -> pa.Table:
    """Returns how many rows have which number in which language: `language`, `value`, `rows`.

    Args:
        numbers: n rows, nullable; counted together where three significant digits agree, nulls and NaN left out.
        languages: string[n], nullable; null counts as "".

    >>> count_numbers_by(pa.array([0.5, 0.5001, None]), pa.array(["en", "en", "de"])).to_pydict()
    {'language': ['en'], 'value': [0.5], 'rows': [2]}
    """
    values = numbers.cast(pa.float64())
    known = values.is_valid().to_numpy(zero_copy_only=False) & ~values.is_null(nan_is_null=True).to_numpy(
        zero_copy_only=False
    )
    rounded = round_to_digits(values.filter(pa.array(known)).to_numpy(zero_copy_only=False))
    named = languages.cast(pa.string()).fill_null("").filter(pa.array(known))
    return count_rows_by(pa.table({"language": named, "value": rounded}))


def add_counts(tables: Iterable[pa.Table]) -> pa.Table:
    """Returns the sum of tables of one schema: a row for each key, in any order.

    Args:
        tables: at least one.

    >>> one = pa.table({"host": ["b", "a"], "rows": [1, 2]})
    >>> add_counts([one, one]).sort_by("host").to_pydict()
    {'host': ['a', 'b'], 'rows': [4, 2]}
    """
    together = pa.concat_tables(tables)
    keys = [name for name in together.column_names if name != ROWS]
    return together.group_by(keys).aggregate([(ROWS, "sum")]).rename_columns([*keys, ROWS])
