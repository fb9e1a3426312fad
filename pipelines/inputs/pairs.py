"""From raw columns of an input file to pairs: which rows are a pair, and why the others are not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.uids import compute_uids
from babelsift.pipelines.inputs.carried.types import carried_type
from babelsift.schemas import READ_SCHEMA, Decision, RejectReason, Stage, ledger_rows

_SHOWN_CHARACTERS = 200


@dataclass
class TextColumn:
    """A column that should be text: what is, and which rows are not.

    Attributes:
        texts: string[n], null where there is none or where it is not text.
        wrong_type: bool[n], the rows that hold something else.
        undecodable: bool[n], the rows whose bytes are no UTF-8.
        shown: object[n], what such rows hold, as text.
    """

    texts: pa.StringArray
    wrong_type: np.ndarray
    undecodable: np.ndarray
    shown: np.ndarray

    def take(self, rows: np.ndarray) -> TextColumn:
        """Returns the texts of rows; rows: int64[m], indices of them."""
        texts = self.texts.take(pa.array(rows, pa.int64()))
        return TextColumn(texts, self.wrong_type[rows], self.undecodable[rows], self.shown[rows])

    @classmethod
    def concat(cls, columns: Sequence[TextColumn]) -> TextColumn:
        """Returns the texts of one or more columns, one after the other."""
        others = (
            np.concatenate([getattr(column, name) for column in columns])
            for name in ("wrong_type", "undecodable", "shown")
        )
        return cls(pa.concat_arrays([column.texts for column in columns]), *others)


def as_pairs(
    urls: TextColumn, captions: TextColumn, carried: pa.RecordBatch, *, source: str, rows: np.ndarray
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Returns (pairs as READ_SCHEMA and the carried columns, ledger rows for what is not a pair).

    Args:
        urls: n rows.
        captions: n rows.
        carried: the other columns, n rows.
        source: the file's path within the input.
        rows: int64[n], row numbers in the file.
    """
    decision = Decision.keep_all(len(rows))
    for column, missing in ((urls, RejectReason.MISSING_URL), (captions, RejectReason.MISSING_CAPTION)):
        decision.reject(column.wrong_type, RejectReason.WRONG_TYPE, values=column.shown, threshold="text")
        decision.reject(column.undecodable, RejectReason.INVALID_ENCODING, values=column.shown, threshold="UTF-8")
        blank = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(column.texts)), 0)
        decision.reject(pc.fill_null(blank, True), missing, values=column.texts)
    origin = [pa.repeat(pa.scalar(source, pa.string()), len(rows)), pa.array(rows, pa.int64())]
    readable = pa.array(decision.kept)
    readable_uids = compute_uids(urls.texts.filter(readable), captions.texts.filter(readable))
    uids = pc.replace_with_mask(pa.nulls(len(rows), pa.string()), readable, readable_uids)
    names = [*READ_SCHEMA.names, *carried.schema.names]
    raw = pa.RecordBatch.from_arrays([uids, urls.texts, captions.texts, *origin, *carried.columns], names=names)
    kept, rejected = decision.split(raw, Stage.READ)
    schema = pa.schema([*READ_SCHEMA, *carried.schema])
    return pa.RecordBatch.from_arrays(kept.columns, schema=schema), rejected


def text_from_arrow(column: pa.Array) -> TextColumn:
    """Returns an Arrow column as text: strings and UTF-8 binaries are, any other type is not."""
    column = decoded(column)
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
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return text_from_values(column.to_pylist())
    shown = np.full(count, None, dtype=object)
    wrong_type = column.is_valid().to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(wrong_type):
        shown[row] = _shown(column[int(row)])
    return TextColumn(pa.nulls(count, pa.string()), wrong_type, none, shown)


def decoded(column: pa.Array) -> pa.Array:
    """Returns a column as its values' own type: dictionaries, run ends, views, extensions only store them."""
    if isinstance(column.type, pa.BaseExtensionType):
        return decoded(column.storage)
    if pa.types.is_dictionary(column.type):
        return decoded(column.dictionary_decode())
    if pa.types.is_run_end_encoded(column.type):
        return decoded(pc.run_end_decode(column))
    if pa.types.is_string_view(column.type) or pa.types.is_binary_view(column.type):
        return column.cast(carried_type(column.type))
    return column.cast(pa.binary()) if pa.types.is_fixed_size_binary(column.type) else column


def _shown(value: pa.Scalar) -> str:
    """What the ledger shows of a value that is no text: its Python type and itself; Arrow's where Python has none."""
    try:
        python = value.as_py()
        return f"{type(python).__name__}: {python!r}"[:_SHOWN_CHARACTERS]
    except (ValueError, ImportError, OverflowError):
        return f"{value.type}: {value!s}"[:_SHOWN_CHARACTERS]


def text_from_values(values: Sequence[object]) -> TextColumn:
    """Returns Python values as text: str and UTF-8 bytes are; lone surrogates stand for bytes that were not UTF-8."""
    if set(map(type, values)) <= {str, type(None)}:
        try:
            none = np.zeros(len(values), dtype=bool)
            return TextColumn(pa.array(values, pa.string()), none, none, np.full(len(values), None, dtype=object))
        except UnicodeEncodeError:
            pass  # one by one
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


def unreadable_rows(source: str, rows: Sequence[int] | np.ndarray, problems: Iterable[str]) -> pa.RecordBatch:
    """Returns the ledger rows of rows that could not be read at all.

    Args:
        source: the file's path within the input.
        rows: row numbers in the file.
        problems: of each row, what is wrong with it.
    """
    origin = pa.RecordBatch.from_arrays(
        [pa.repeat(pa.scalar(source, pa.string()), len(rows)), pa.array(rows, pa.int64())],
        names=["source_file", "source_row"],
    )
    texts = [problem.encode("utf-8", "replace").decode()[:_SHOWN_CHARACTERS] for problem in problems]
    reasons = [RejectReason.UNREADABLE_ROW.value] * len(rows)
    return ledger_rows(origin, stage=Stage.READ, reasons=reasons, values=texts, thresholds=[None] * len(rows))
