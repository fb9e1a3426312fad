"""Bounds on a column of numbers, of whatever Arrow type; nothing in here needs pandas."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.schemas.recipe import Condition

_COMPARE = {"min": np.greater_equal, "above": np.greater, "max": np.less_equal, "below": np.less}
# A bound between two integers means the next one that it lets through.
_ROUND = {"min": math.ceil, "above": math.floor, "max": math.floor, "below": math.ceil}


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


def meets_condition(values: pa.Array, condition: Condition) -> np.ndarray:
    """Returns bool[n], which values lie within the bounds; null and NaN do where the condition keeps nulls.

    Integers are compared exactly. Floats are compared in their own type: 0.1 in a column of float32 is the 0.1 that was
    written to it. Decimals are compared as float64.

    Args:
        values: a column of numbers, n rows, nullable.
        condition: the bounds.

    >>> meets_condition(pa.array([1, 2, None]), Condition(min=2)).tolist()
    [False, True, False]
    """
    numbers, missing = numbers_of(values)
    met = np.ones(len(numbers), bool)
    for name, compare in _COMPARE.items():
        bound = getattr(condition, name)
        if bound is not None:
            met &= compare(numbers, _bound_for(numbers.dtype, name, bound))
    return np.where(missing, condition.keep_null, met)


def numbers_of(values: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Returns a column's numbers, and which rows have none (null or NaN): integers and floats keep their type.

    Args:
        values: a column of numbers, n rows, nullable.

    Returns:
        (number[n], zero where there is none; bool[n]).

    >>> numbers_of(pa.array([1.5, None, float("nan")]))[1].tolist()
    [False, True, True]
    """
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_decimal(values.type):
        values = values.cast(pa.string())  # parsed, 1234.56 is the nearest double; converted, it may be that beside it
    if pa.types.is_string(values.type) or pa.types.is_null(values.type):
        values = values.cast(pa.float64())
    missing = values.is_null(nan_is_null=True).to_numpy(zero_copy_only=False)
    zero = pa.scalar(0, values.type)
    return pc.if_else(pa.array(missing), zero, values).to_numpy(zero_copy_only=False), missing


def _bound_for(kind: np.dtype, name: str, bound: float) -> float | np.floating:
    if kind.kind == "f":
        with np.errstate(over="ignore"):  # beyond what float16 can say is its infinity
            return kind.type(bound)
    return _ROUND[name](bound) if math.isfinite(bound) else bound
