"""The types that carried columns have: what Python, JSON and parquet can all hold, and the same for every file.

Decided before the run, by types and by what files say of their values' range. No number becomes another one: where two
types have no common one that holds all values of both, text does.

    in the input                                        carried as
    dictionaries, run-end encoded, views, extensions    their values' type
    times, dates, durations                             text: years beyond Python's, nanoseconds
    half floats                                         float32
    integers of two widths or signs                     the narrowest that holds both; text where none does
    integers here, floats there                         float64 where all are below 2^53 in size, else text
    text here, anything else there                      text: numbers as they are written, what is nested as JSON
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pyarrow as pa

EXACT_IN_DOUBLE = 2**53
_MAX_DECIMAL_DIGITS = 76
_MAX_DECIMAL128_DIGITS = 38
_INTEGER_DIGITS = {8: 3, 16: 5, 32: 10, 64: 20}


@dataclass(frozen=True)
class ColumnKind:
    """A carried column's type, and the range of its integers.

    Attributes:
        type: one that `carried_type` returns.
        lowest: of the values, where they are integers and it is known.
        highest: likewise.
    """

    type: pa.DataType
    lowest: int | None = None
    highest: int | None = None

    def is_within(self, lowest: int, highest: int) -> bool:
        """Whether all values are known to be in a range, both ends included."""
        if self.lowest is None or self.highest is None:
            bits = self.type.bit_width
            is_signed = pa.types.is_signed_integer(self.type)
            own = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if is_signed else (0, 2**bits - 1)
            return lowest <= own[0] and own[1] <= highest
        return lowest <= self.lowest and self.highest <= highest


def carried_type(kind: pa.DataType) -> pa.DataType:
    """Returns the type that values of an Arrow type are carried as."""
    if isinstance(kind, pa.BaseExtensionType):
        return pa.string() if kind.extension_name == "arrow.uuid" else carried_type(kind.storage_type)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return carried_type(kind.value_type)
    if pa.types.is_map(kind):
        return pa.map_(carried_type(kind.key_type), carried_type(kind.item_type))
    if pa.types.is_struct(kind):
        fields = zip(struct_names(kind), kind, strict=True)
        return pa.struct([pa.field(name, carried_type(field.type)) for name, field in fields])
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(carried_type(kind.value_type), kind.list_size)
    if is_list(kind):
        make = pa.large_list if pa.types.is_large_list(kind) or pa.types.is_large_list_view(kind) else pa.list_
        return make(carried_type(kind.value_type))
    if pa.types.is_temporal(kind):
        return pa.string()
    return _FLAT.get(str(kind), kind)


_FLAT = {"string_view": pa.string(), "binary_view": pa.binary(), "halffloat": pa.float32()}


def is_list(kind: pa.DataType) -> bool:
    """Whether a type is one of Arrow's lists."""
    return any(
        test(kind)
        for test in (
            pa.types.is_list,
            pa.types.is_large_list,
            pa.types.is_fixed_size_list,
            pa.types.is_list_view,
            pa.types.is_large_list_view,
        )
    )


def struct_names(kind: pa.StructType) -> list[str]:
    """Returns the names of a struct's fields, each once."""
    return unique_names([field.name for field in kind])


def unique_names(names: Iterable[str]) -> list[str]:
    """Returns names in their order; one that is there already has a number after it.

    >>> unique_names(["w", "w", "h", "w_2"])
    ['w', 'w_2', 'h', 'w_2_2']
    """
    taken: dict[str, None] = {}
    for name in names:
        unique, number = name, 1
        while unique in taken:
            number += 1
            unique = f"{name}_{number}"
        taken[unique] = None
    return list(taken)


def unify(known: ColumnKind, other: ColumnKind) -> ColumnKind:
    """Returns the kind that holds every value of two kinds unchanged."""
    if known.type == other.type:
        return _spanning(known.type, known, other)
    for one, another in ((known, other), (other, known)):
        if pa.types.is_null(one.type):
            return another
        for is_one, is_another, join in _JOINS:
            if is_one(one.type) and is_another(another.type):
                return join(one, another)
    return ColumnKind(pa.string())


def _join_integers(one: ColumnKind, another: ColumnKind) -> ColumnKind:
    for bits in (8, 16, 32, 64):
        for signed in (True, False):
            lowest, highest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
            wide_enough = bits >= max(one.type.bit_width, another.type.bit_width)
            if wide_enough and one.is_within(lowest, highest) and another.is_within(lowest, highest):
                return _spanning(pa.type_for_alias(f"{'' if signed else 'u'}int{bits}"), one, another)
    return ColumnKind(pa.string())


def _join_integer_and_float(integer: ColumnKind, _: ColumnKind) -> ColumnKind:
    exact = integer.is_within(-EXACT_IN_DOUBLE, EXACT_IN_DOUBLE)
    return ColumnKind(pa.float64() if exact else pa.string())


def _join_floats(_: ColumnKind, __: ColumnKind) -> ColumnKind:
    return ColumnKind(pa.float64())


def _join_decimals(one: ColumnKind, another: ColumnKind) -> ColumnKind:
    scale = max(_scale(one.type), _scale(another.type))
    digits = scale + max(_whole_digits(one.type), _whole_digits(another.type))
    if digits > _MAX_DECIMAL_DIGITS:
        return ColumnKind(pa.string())
    make = pa.decimal128 if digits <= _MAX_DECIMAL128_DIGITS else pa.decimal256
    return ColumnKind(make(digits, scale))


def _scale(kind: pa.DataType) -> int:
    return kind.scale if pa.types.is_decimal(kind) else 0


def _whole_digits(kind: pa.DataType) -> int:
    return kind.precision - kind.scale if pa.types.is_decimal(kind) else _INTEGER_DIGITS[kind.bit_width]


def _join_texts(_: ColumnKind, __: ColumnKind) -> ColumnKind:
    return ColumnKind(pa.large_string())


def _join_binaries(one: ColumnKind, another: ColumnKind) -> ColumnKind:
    is_large = pa.types.is_large_binary(one.type) or pa.types.is_large_binary(another.type)
    return ColumnKind(pa.large_binary() if is_large else pa.binary())


def _join_lists(one: ColumnKind, another: ColumnKind) -> ColumnKind:
    values = unify(ColumnKind(one.type.value_type), ColumnKind(another.type.value_type))
    is_large = pa.types.is_large_list(one.type) or pa.types.is_large_list(another.type)
    return ColumnKind(pa.large_list(values.type) if is_large else pa.list_(values.type))


def _join_structs(one: ColumnKind, another: ColumnKind) -> ColumnKind:
    fields = {field.name: ColumnKind(field.type) for field in one.type}
    for field in another.type:
        kind = ColumnKind(field.type)
        fields[field.name] = unify(fields[field.name], kind) if field.name in fields else kind
    return ColumnKind(pa.struct([pa.field(name, kind.type) for name, kind in fields.items()]))


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)


_Test = Callable[[pa.DataType], bool]
_JOINS: tuple[tuple[_Test, _Test, Callable[[ColumnKind, ColumnKind], ColumnKind]], ...] = (
    (pa.types.is_integer, pa.types.is_integer, _join_integers),
    (pa.types.is_integer, pa.types.is_floating, _join_integer_and_float),
    (pa.types.is_floating, pa.types.is_floating, _join_floats),
    (pa.types.is_decimal, pa.types.is_decimal, _join_decimals),
    (pa.types.is_integer, pa.types.is_decimal, _join_decimals),
    (_is_text, _is_text, _join_texts),
    (_is_binary, _is_binary, _join_binaries),
    (is_list, is_list, _join_lists),
    (pa.types.is_struct, pa.types.is_struct, _join_structs),
)


def _spanning(kind: pa.DataType, one: ColumnKind, another: ColumnKind) -> ColumnKind:
    """Returns a kind with the range of both; unknown where either is."""
    if one.lowest is None or another.lowest is None or one.highest is None or another.highest is None:
        return ColumnKind(kind)
    return ColumnKind(kind, min(one.lowest, another.lowest), max(one.highest, another.highest))
