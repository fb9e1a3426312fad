"""What a column's values must be: bounds of numbers, lists of strings; nothing in here needs pandas."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.selection.score_choice import rows_by_language
from babelsift.schemas import ColumnReason, Decision, RejectReason
from babelsift.schemas.decision import format_value
from babelsift.schemas.recipe import Condition

_COMPARE = {"min": np.greater_equal, "above": np.greater, "max": np.less_equal, "below": np.less}
# A bound between two integers, or two decimals, means the next one that it lets through.
_ROUND = {"min": math.ceil, "above": math.floor, "max": math.floor, "below": math.ceil}
_COMPARE_DECIMALS = {"min": pc.greater_equal, "above": pc.greater, "max": pc.less_equal, "below": pc.less}
_ROUND_DECIMALS = {"min": ROUND_CEILING, "above": ROUND_FLOOR, "max": ROUND_FLOOR, "below": ROUND_CEILING}
_NARROWEST_COMPARED = 128  # bits; not every release of Arrow compares narrower decimals
_MOST_DIGITS = 500  # of a double, rounded to as many places as a decimal may have
_SHOWN_CHARACTERS = 80


def holds_numbers(kind: pa.DataType) -> bool:
    """Returns whether a condition can compare the values of a type; a column of nulls alone counts.

    Args:
        kind: a column's.

    >>> holds_numbers(pa.decimal128(10, 2)), holds_numbers(pa.timestamp("ns"))
    (True, False)
    """
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)
    )


def holds_values(kind: pa.DataType) -> bool:
    """Returns whether a condition can look for the values of a type: strings, integers, booleans, lists of them.

    Args:
        kind: a column's.

    >>> holds_values(pa.list_(pa.string())), holds_values(pa.float32())
    (True, False)
    """
    if pa.types.is_dictionary(kind) or _is_list(kind):
        kind = kind.value_type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return is_text or pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)


def can_meet(kind: pa.DataType, condition: Condition) -> bool:
    """Returns whether a condition says something of a column of that type: none of its lists is foreign to it.

    Args:
        kind: of the column.
        condition: of a recipe.
    """
    if condition.compares_numbers:
        return holds_numbers(kind)
    return holds_values(kind) and foreign_values(kind, condition) is None


def foreign_values(kind: pa.DataType, condition: Condition) -> tuple[str, tuple[Any, ...]] | None:
    """Returns the first list of a condition of which a column of that type can have no value, with its name.

    Args:
        kind: of the column, one that `holds_values`.
        condition: of a recipe.

    >>> foreign_values(pa.int64(), Condition(any_of=("1", "2")))
    ('any_of', ('1', '2'))
    >>> foreign_values(pa.int64(), Condition(any_of=("1", 2))) is None
    True
    """
    items = kind.value_type if pa.types.is_dictionary(kind) or _is_list(kind) else kind
    if pa.types.is_null(items):  # a column of nulls alone may have any
        return None
    lists = condition.value_lists
    return next(((name, values) for name, values in lists if values and not len(_comparable(values, items))), None)


def reject_by_condition(
    batch: pa.RecordBatch,
    column: str,
    condition: Condition,
    decision: Decision,
    reason: RejectReason | ColumnReason = RejectReason.CONDITION_NOT_MET,
) -> None:
    """Rejects the rows of a batch whose value does not meet a condition; the ledger has column, value and bounds.

    Args:
        batch: with the column; and with language, where the condition is one a language.
        column: its name.
        condition: what the value must be.
        decision: on the batch.
        reason: of the rows that are left out.
    """
    values = batch.column(column)
    for rows, wanted in _by_language(batch, condition):
        if not (wanted.compares_numbers or wanted.compares_values):
            continue
        of_rows = values if rows is None else values.take(pa.array(rows))
        missed = np.zeros(len(batch), bool)
        missed[slice(None) if rows is None else rows] = ~meets_condition(of_rows, wanted)
        if missed.any():
            shown = _shown(values, column, wanted) if decision.tells else None
            decision.reject(missed, reason, values=shown, threshold=f"{column} {wanted.text()}")


def meets_condition(values: pa.Array, condition: Condition) -> np.ndarray:
    """Returns bool[n], which values meet a condition; null and NaN do where it keeps nulls.

    Integers and decimals are compared exactly, with bounds as a recipe writes them. Floats are compared in their own
    type: 0.1 in a column of float32 is the 0.1 that was written to it. Of a list `in` and `not_in` are about all items,
    `any_of` about one.

    Args:
        values: a column, n rows, nullable.
        condition: the same for all languages.

    >>> meets_condition(pa.array([1, 2, None]), Condition(min=2)).tolist()
    [False, True, False]
    >>> meets_condition(pa.array([["a", "b"], ["c"], []]), Condition(any_of=("a",))).tolist()
    [True, False, False]
    """
    if condition.compares_values:
        return _is_listed(values, condition)
    values = _decoded(values)
    numbers, missing = numbers_of(values)
    met = np.ones(len(values), bool)
    for name, compare in _COMPARE.items():
        bound = getattr(condition, name)
        if bound is not None and pa.types.is_decimal(values.type):
            met &= _decimals_meet(values, name, bound)
        elif bound is not None:
            met &= compare(numbers, _bound_for(numbers.dtype, name, bound))
    return np.where(missing, condition.keep_null, met)


def _decimals_meet(decimals: pa.Array, name: str, bound: float) -> np.ndarray:
    """Returns bool[n], which decimals meet a bound; of nulls nothing is said."""
    kind = decimals.type
    if kind.bit_width < _NARROWEST_COMPARED:
        kind = pa.decimal128(kind.precision, kind.scale)
        decimals = decimals.cast(kind)
    with localcontext() as context:
        context.prec = _MOST_DIGITS
        limit = Decimal(10) ** (kind.precision - kind.scale)
        nearest = Decimal(str(bound))
        if abs(nearest) < limit:
            nearest = nearest.quantize(Decimal(1).scaleb(-kind.scale), rounding=_ROUND_DECIMALS[name])
    if abs(nearest) >= limit:  # it is beyond all that the type can say
        return np.full(len(decimals), (nearest > 0) == (name in ("max", "below")))
    met = _COMPARE_DECIMALS[name](decimals, pa.scalar(nearest, kind))
    return pc.fill_null(met, False).to_numpy(zero_copy_only=False)


def numbers_of(values: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Returns a column's numbers, and which rows have none (null or NaN): integers and floats keep their type.

    Args:
        values: a column of numbers, n rows, nullable.

    Returns:
        (number[n], zero where there is none; bool[n]).

    >>> numbers_of(pa.array([1.5, None, float("nan")]))[1].tolist()
    [False, True, True]
    """
    values = _decoded(values)
    if pa.types.is_decimal(values.type):
        values = values.cast(pa.string())  # parsed, 1234.56 is the nearest double; converted, it may be that beside it
    if pa.types.is_string(values.type) or pa.types.is_null(values.type):
        values = values.cast(pa.float64())
    missing = values.is_null(nan_is_null=True).to_numpy(zero_copy_only=False)
    zero = pa.scalar(0, values.type)
    return pc.if_else(pa.array(missing), zero, values).to_numpy(zero_copy_only=False), missing


def _by_language(batch: pa.RecordBatch, condition: Condition) -> Iterator[tuple[np.ndarray | None, Condition]]:
    """Yields rows and the condition that they must meet; None stands for all rows."""
    if not condition.languages:
        yield None, condition
        return
    for language, rows in rows_by_language(batch):
        yield rows, condition.for_language(language)


def _decoded(values: pa.Array) -> pa.Array:
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _is_listed(values: pa.Array, condition: Condition) -> np.ndarray:
    values = _decoded(values)
    missing = values.is_null().to_numpy(zero_copy_only=False)
    row_of_item, items = np.arange(len(values)), values
    if _is_list(values.type):
        row_of_item = pc.list_parent_indices(values).to_numpy()
        items = pc.list_flatten(values)
    met = np.ones(len(values), bool)
    for wanted, is_met in ((condition.one_of, _all), (condition.not_in, _none), (condition.any_of, _some)):
        if wanted is not None:
            is_in = pc.is_in(items, value_set=_comparable(wanted, items.type)).to_numpy(zero_copy_only=False)
            met &= is_met(is_in, row_of_item, len(values))
    return np.where(missing, condition.keep_null, met)


def _all(is_in: np.ndarray, row_of_item: np.ndarray, rows: int) -> np.ndarray:
    return ~_some(~is_in, row_of_item, rows)


def _none(is_in: np.ndarray, row_of_item: np.ndarray, rows: int) -> np.ndarray:
    return ~_some(is_in, row_of_item, rows)


def _some(is_in: np.ndarray, row_of_item: np.ndarray, rows: int) -> np.ndarray:
    return np.bincount(row_of_item[is_in], minlength=rows) > 0


def _comparable(wanted: Any, kind: pa.DataType) -> pa.Array:
    """The values of a list that a column of that type can have."""
    values: list[Any] = list(wanted)
    if pa.types.is_boolean(kind):
        values = [value for value in values if isinstance(value, bool)]
    elif pa.types.is_integer(kind):
        lowest, highest = _range_of(kind)
        numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
        values = [int(value) for value in numbers if lowest <= value <= highest and value == int(value)]
    elif not pa.types.is_null(kind):
        values = [value for value in values if isinstance(value, str)]
    else:
        values = []
    return pa.array(values, kind)


def _range_of(kind: pa.DataType) -> tuple[int, int]:
    """The lowest and the highest integer of a type."""
    if pa.types.is_signed_integer(kind):
        return -(2 ** (kind.bit_width - 1)), 2 ** (kind.bit_width - 1) - 1
    return 0, 2**kind.bit_width - 1


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)


def _shown(values: pa.Array, column: str, condition: Condition) -> list[str | None]:
    """Returns each value with the column's name; with all digits where six do not tell it from a bound."""
    values = _decoded(values)
    if holds_numbers(values.type) and not pa.types.is_decimal(values.type):
        bounds = {format_value(float(bound)) for name in _COMPARE if (bound := getattr(condition, name)) is not None}
        numbers, missing = numbers_of(values)
        texts = [format_value(number, exact=format_value(number) in bounds) for number in numbers]
        return [None if null else f"{column} {text}" for null, text in zip(missing, texts, strict=True)]
    return [None if value is None else f"{column} {_clipped(value)}" for value in values.to_pylist()]


def _clipped(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."


def _bound_for(kind: np.dtype, name: str, bound: float) -> float | np.floating:
    if kind.kind == "f":
        with np.errstate(over="ignore"):  # beyond what float16 can say is its infinity
            return kind.type(bound)
    return _ROUND[name](bound) if math.isfinite(bound) else bound
