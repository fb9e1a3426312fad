"""From raw columns of an input file to pairs: which rows are a pair, and why the others are not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.uids import compute_uids
from babelsift.pipelines.inputs.slices import InputPlan
from babelsift.schemas import READ_SCHEMA, Decision, InputError, RejectReason, Stage

_SHOWN_CHARACTERS = 200


@dataclass
class TextColumn:
    """A column that should be text: what is, and which rows are not.

    Attributes:
        texts: string[n], null where there is none or where it is not text.
        wrong_type, undecodable: bool[n]. shown: object[n], what was found in such rows, as text.
    """

    texts: pa.StringArray
    wrong_type: np.ndarray
    undecodable: np.ndarray
    shown: np.ndarray


def as_pairs(
    urls: TextColumn, captions: TextColumn, carried: pa.RecordBatch, *, path: str, rows: np.ndarray
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Returns (pairs as READ_SCHEMA and the carried columns, ledger rows for what is not a pair).

    Args: carried: the other columns, n rows. path: the file. rows: int64[n], row numbers in it.
    """
    decision = Decision.keep_all(len(rows))
    for column, missing in ((urls, RejectReason.MISSING_URL), (captions, RejectReason.MISSING_CAPTION)):
        decision.reject(column.wrong_type, RejectReason.WRONG_TYPE, values=column.shown, threshold="text")
        decision.reject(column.undecodable, RejectReason.INVALID_ENCODING, values=column.shown, threshold="UTF-8")
        blank = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(column.texts)), 0)
        decision.reject(pc.fill_null(blank, True), missing, values=column.texts)
    source = [pa.array([path] * len(rows), pa.string()), pa.array(rows, pa.int64())]
    readable = pa.array(decision.kept)
    uids = pc.if_else(readable, compute_uids(urls.texts, captions.texts), pa.scalar(None, pa.string()))
    names = [*READ_SCHEMA.names, *carried.schema.names]
    raw = pa.RecordBatch.from_arrays([uids, urls.texts, captions.texts, *source, *carried.columns], names=names)
    kept, rejected = decision.split(raw, Stage.READ)
    schema = pa.schema([*READ_SCHEMA, *carried.schema])
    return pa.RecordBatch.from_arrays(kept.columns, schema=schema), rejected


def text_from_arrow(column: pa.Array) -> TextColumn:
    """Returns a parquet column as text: strings and UTF-8 binaries are, any other type is not."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    count = len(column)
    none = np.zeros(count, dtype=bool)
    if pa.types.is_null(column.type):
        return TextColumn(column.cast(pa.string()), none, none, np.full(count, None, dtype=object))
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        try:
            column.validate(full=True)  # parquet readers do not: a string column may hold any bytes
            return TextColumn(column.cast(pa.string()), none, none, np.full(count, None, dtype=object))
        except pa.ArrowInvalid:
            column = column.cast(pa.binary() if pa.types.is_string(column.type) else pa.large_binary())
    return text_from_values(column.to_pylist())


def text_from_values(values: Sequence[object]) -> TextColumn:
    """Returns Python values as text: str and UTF-8 bytes are; lone surrogates stand for bytes that were not UTF-8."""
    texts: list[str | None] = []
    wrong_type, undecodable = (np.zeros(len(values), dtype=bool) for _ in range(2))
    shown = np.full(len(values), None, dtype=object)
    for row, value in enumerate(values):
        text = None
        try:
            if isinstance(value, bytes):
                text = value.decode()
            elif isinstance(value, str):
                value.encode()
                text = value
            elif value is not None:
                wrong_type[row], shown[row] = True, f"{type(value).__name__}: {value!r}"[:_SHOWN_CHARACTERS]
        except UnicodeError:
            undecodable[row], shown[row] = True, ascii(value)[:_SHOWN_CHARACTERS]
        texts.append(text)
    return TextColumn(pa.array(texts, pa.string()), wrong_type, undecodable, shown)


def carried_from_arrow(batch: pa.RecordBatch, plan: InputPlan, path: str) -> pa.RecordBatch:
    """Returns the carried columns of a parquet batch with the plan's names and types; absent ones are null."""
    columns = []
    for field in plan.carried:
        index = batch.schema.get_field_index(plan.sources[field.name])
        if index < 0:
            columns.append(pa.nulls(len(batch), field.type))
            continue
        column = batch.column(index)
        try:
            column = _whole_text(column.dictionary_decode() if pa.types.is_dictionary(column.type) else column)
            columns.append(column.cast(field.type))
        except pa.ArrowException as error:
            raise InputError(f"{path}: column {field.name!r} does not fit {field.type}: {error}") from error
    return _with_length(columns, plan.carried, len(batch))


def carried_from_records(
    records: Sequence[dict[str, object]], plan: InputPlan
) -> tuple[pa.RecordBatch, dict[int, str]]:
    """Returns the carried columns of parsed rows, and {row: what was wrong} for values that do not fit their column."""
    wrong: dict[int, str] = {}
    columns = []
    for field in plan.carried:
        values = [_fitting(record.get(plan.sources[field.name]), field.type) for record in records]
        for row, value in enumerate(values):
            if value is _MISFIT:
                found = records[row][plan.sources[field.name]]
                wrong.setdefault(row, f"column {field.name}: {found!r}"[:_SHOWN_CHARACTERS])
                values[row] = None
        columns.append(pa.array(values, field.type))
    return _with_length(columns, plan.carried, len(records)), wrong


_MISFIT = object()


def _fitting(value: object, kind: pa.DataType) -> object:
    if value is None:
        return None
    if pa.types.is_string(kind):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return text.encode("utf-8", "replace").decode()
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if pa.types.is_boolean(kind):
        return value if isinstance(value, bool) else _MISFIT
    if pa.types.is_integer(kind):
        return value if isinstance(value, int) and is_number and -(2**63) <= value < 2**63 else _MISFIT
    return float(value) if is_number else _MISFIT  # type: ignore[arg-type]


def _whole_text(column: pa.Array) -> pa.Array:
    """Strings of carried columns with bytes that are not UTF-8 replaced, so that no later step trips over them."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    try:
        column.validate(full=True)
        return column
    except pa.ArrowInvalid:
        raw = column.cast(pa.binary() if pa.types.is_string(column.type) else pa.large_binary())
        return pa.array(
            [None if one is None else one.decode("utf-8", "replace") for one in raw.to_pylist()], column.type
        )


def _with_length(columns: list[pa.Array], schema: pa.Schema, rows: int) -> pa.RecordBatch:
    if columns:
        return pa.RecordBatch.from_arrays(columns, schema=schema)
    return pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))
