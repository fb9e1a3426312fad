"""Values of carried columns as the types of the plan: none keeps its pair from being read."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.pipelines.inputs.carried.types import carried_type, is_list, struct_names
from babelsift.schemas.json_values import json_value

_UNITS_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
# Zeros at the end of a time's fraction: the same instant is the same text in every unit.
_NO_FRACTION, _SHORT_FRACTION = r"\.0+(Z?)$", r"(\.[0-9]*[1-9])0+(Z?)$"
_EXACT_IN_DOUBLE = 2.0**53


def as_carried(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Returns a column's values as the type that the plan carries them by; one that does not fit is null.

    Args:
        column: of any Arrow type.
        kind: what `unify` made of the column's type and others.
    """
    return _fit(plain_values(column), kind)


def plain_values(column: pa.Array) -> pa.Array:
    """Returns a column's values as `carried_type` of its type; text that is not UTF-8 has replacement characters."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return _uuid_texts(column.storage) if kind.extension_name == "arrow.uuid" else plain_values(column.storage)
    if pa.types.is_dictionary(kind):
        return plain_values(column.dictionary_decode())
    if pa.types.is_run_end_encoded(kind):
        return plain_values(pc.run_end_decode(column))
    if pa.types.is_temporal(kind):
        return _time_texts(column)
    if pa.types.is_struct(kind) or pa.types.is_map(kind) or is_list(kind):
        return _plain_nested(column)
    plain = column.cast(carried_type(kind)) if carried_type(kind) != kind else column
    return valid_text(plain) if pa.types.is_string(plain.type) or pa.types.is_large_string(plain.type) else plain


def valid_text(column: pa.Array) -> pa.Array:
    """Returns strings with bytes that are not UTF-8 replaced, so that no later step trips over them.

    Args:
        column: string[n] or large_string[n].
    """
    try:
        column.validate(full=True)  # parquet's reader does not: a string column may hold any bytes
        return column
    except pa.ArrowInvalid:
        return _decoded(column.cast(pa.binary() if pa.types.is_string(column.type) else pa.large_binary()), column.type)


def _decoded(column: pa.Array, kind: pa.DataType) -> pa.Array:
    texts = [None if value is None else value.decode("utf-8", "replace") for value in column.to_pylist()]
    return pa.array(texts, kind)


def _plain_nested(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_struct(kind):
        if not kind.num_fields:
            return column
        fields = [plain_values(field) for field in column.flatten()]
        return pa.StructArray.from_arrays(fields, names=struct_names(kind), mask=column.is_null())
    if pa.types.is_fixed_size_list(kind):
        # Of a null its values are there, too, so that every row has as many.
        start = column.offset * kind.list_size
        values = plain_values(column.values.slice(start, len(column) * kind.list_size))
        return pa.FixedSizeListArray.from_arrays(values, kind.list_size, mask=column.is_null())
    if pa.types.is_map(kind):
        lists = _list_offsets(column)
        start, end = lists[0].as_py(), lists[-1].as_py()
        keys, items = (plain_values(part.slice(start, end - start)) for part in (column.keys, column.items))
        return pa.MapArray.from_arrays(_with_nulls(pc.subtract(lists, start), column), keys, items)
    values = plain_values(column.flatten())
    lengths = pc.fill_null(pc.list_value_length(column), 0)
    offsets = np.concatenate([[0], np.cumsum(lengths.to_numpy(zero_copy_only=False))])
    is_large = pa.types.is_large_list(carried_type(kind))
    make, width = (pa.LargeListArray, pa.int64()) if is_large else (pa.ListArray, pa.int32())
    return make.from_arrays(_with_nulls(pa.array(offsets, width), column), values)


def _list_offsets(column: pa.MapArray) -> pa.Array:
    return column.offsets.slice(0, len(column) + 1)


def _with_nulls(offsets: pa.Array, column: pa.Array) -> pa.Array:
    """Returns offsets of lists, null where a list is."""
    if not column.null_count:
        return offsets
    is_null = pa.concat_arrays([column.is_null(), pa.array([False])])
    return pc.if_else(is_null, pa.scalar(None, offsets.type), offsets)


def _uuid_texts(storage: pa.Array) -> pa.Array:
    values = storage.to_pylist()
    return pa.array([None if value is None else str(uuid.UUID(bytes=value)) for value in values], pa.string())


def _time_texts(column: pa.Array) -> pa.Array:
    """Returns times as text: dates and clocks as ISO 8601 has them, instants as UTC, durations in seconds."""
    kind = column.type
    if pa.types.is_duration(kind):
        return _duration_texts(column.cast(pa.int64()), kind.unit)
    if pa.types.is_interval(kind):
        return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
    is_instant = pa.types.is_timestamp(kind) and kind.tz is not None
    texts = (column.cast(pa.timestamp(kind.unit)) if is_instant else column).cast(pa.string())
    if is_instant:
        texts = pc.binary_join_element_wise(texts, "Z", "")
    texts = pc.replace_substring_regex(texts, _NO_FRACTION, r"\1")
    return pc.replace_substring_regex(texts, _SHORT_FRACTION, r"\1\2")


def _duration_texts(counts: pa.Array, unit: str) -> pa.Array:
    digits = len(str(_UNITS_A_SECOND[unit])) - 1
    texts = []
    for count in counts.to_pylist():
        whole, fraction = divmod(abs(count or 0), _UNITS_A_SECOND[unit])
        text = f"{whole}.{fraction:0{digits}d}".rstrip("0").rstrip(".") if digits else str(whole)
        texts.append(None if count is None else f"{'-' if count < 0 else ''}{text} s")
    return pa.array(texts, pa.string())


def _fit(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Returns plain values as the type that holds them and others."""
    if column.type == kind:
        return column
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), kind)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _texts(column).cast(kind)
    if pa.types.is_struct(kind) and pa.types.is_struct(column.type):
        own = dict(zip(struct_names(column.type), column.flatten(), strict=True))
        fields = [
            _fit(own[field.name], field.type) if field.name in own else pa.nulls(len(column), field.type)
            for field in kind
        ]
        return pa.StructArray.from_arrays(fields, fields=list(kind), mask=column.is_null())
    if is_list(kind) and is_list(column.type):
        lists = _plain_nested(column.cast(pa.list_(column.type.value_type)))
        fitted = pa.ListArray.from_arrays(_with_nulls(lists.offsets, lists), _fit(lists.values, kind.value_type))
        return fitted.cast(kind)
    try:
        return column.cast(kind)
    except pa.ArrowInvalid:  # the file said that its values fit
        return pa.array([_cast_or_null(value, kind) for value in column], kind)


def _cast_or_null(value: pa.Scalar, kind: pa.DataType) -> pa.Scalar:
    try:
        return value.cast(kind)
    except pa.ArrowInvalid:
        return pa.scalar(None, kind)


def _texts(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return column
    if pa.types.is_floating(kind):
        is_whole = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), _EXACT_IN_DOUBLE))
        whole = pc.if_else(is_whole, column, None).cast(pa.int64()).cast(pa.string())
        return pc.coalesce(whole, column.cast(pa.string()))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return _decoded(column, pa.string())
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return column.cast(pa.string())
    return pa.array([None if value is None else json_text(value) for value in column.to_pylist()], pa.string())


def json_text(value: object) -> str:
    """Returns a value as JSON; bytes as hex digits, what JSON has no word for as its text, NaN as null."""
    return json.dumps(json_value(value), ensure_ascii=False, allow_nan=False).encode("utf-8", "replace").decode()


def from_values(values: Sequence[object], kind: pa.DataType) -> tuple[pa.Array, list[int]]:
    """Returns JSON's values as a column, and the rows whose value does not fit it, which is null there.

    Args:
        values: n, what `json.loads` returned, None where there is none.
        kind: of the plan's column.
    """
    plain = _json_type(kind)
    present = set(map(type, values)) - {type(None)}
    if present <= _PYTHON_TYPES[plain]:
        try:
            return pa.array(values, plain).cast(kind), []
        except (pa.ArrowException, OverflowError, UnicodeEncodeError):
            pass  # one by one
    fitted = [None if value is None else _fitted(value, plain) for value in values]
    misfits = [row for row, value in enumerate(fitted) if value is None and values[row] is not None]
    return pa.array(fitted, plain).cast(kind), misfits


_PYTHON_TYPES: dict[pa.DataType, set[type]] = {
    pa.string(): {str},
    pa.bool_(): {bool},
    pa.int64(): {int},
    pa.uint64(): {int},
    pa.float64(): {float, int},
    pa.null(): set(),
}


def _json_type(kind: pa.DataType) -> pa.DataType:
    """Returns the type that JSON's values have before they become a column of another."""
    if pa.types.is_floating(kind):
        return pa.float64()
    if pa.types.is_uint64(kind):
        return pa.uint64()
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return pa.int64()
    return kind if kind in _PYTHON_TYPES else pa.string()


def _fitted(value: object, kind: pa.DataType) -> object:
    """Returns a value that its column takes; None where it does not fit."""
    if pa.types.is_string(kind):
        return value.encode("utf-8", "replace").decode() if isinstance(value, str) else json_text(value)
    if pa.types.is_boolean(kind):
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if pa.types.is_floating(kind):
        return float(value) if isinstance(value, float) or abs(value) <= _EXACT_IN_DOUBLE else None
    lowest, highest = (-(2**63), 2**63 - 1) if kind == pa.int64() else (0, 2**64 - 1)
    is_within = isinstance(value, int) and pa.types.is_integer(kind) and lowest <= value <= highest
    return value if is_within else None
