"""A column's maker: what it gives, by which fingerprint its values are stored, and the values of a batch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

ERROR = "error"  # the last column of a maker's answer: why a row has no value, or null
TYPES: Mapping[str, pa.DataType] = {
    "float": pa.float32(),
    "integer": pa.int64(),
    "string": pa.string(),
    "list": pa.list_(pa.string()),
}


class ColumnMaker(Protocol):
    """Says something of things, a batch at a time.

    A maker is cheap to make: it learns which it is, `fingerprint` and `fields`, without loading what it runs on.
    """

    @property
    def fields(self) -> tuple[pa.Field, ...]:
        """What it gives, nullable; a column is named `<column's name>_<field's name>`, of the empty name as it is."""

    @property
    def fingerprint(self) -> str:
        """64 hex digits over all that its values depend on beside the things themselves."""

    @property
    def info(self) -> Mapping[str, Any]:
        """What the fingerprint is made of, for people, as JSON has it."""

    @property
    def takes_pixels(self) -> bool:
        """Whether it takes images as uint8[height, width, 3], RGB, and not as the bytes of their files."""

    def load(self) -> None:
        """Makes it ready, once a process; raises ModelError where that cannot be."""

    def make(self, *things: Any) -> pa.RecordBatch:
        """Returns its fields and ERROR of n things.

        Args:
            things: of texts and URLs one string[n] without nulls; of rows a RecordBatch; of images a list of n bytes or
                arrays; of pairs images and texts; of embeddings float32[n, dimension].

        Raises:
            ModelError: it gives no values at all, and the run ends.
        """

    def close(self) -> None:
        """Lets go of what it runs on."""


@dataclass
class FunctionMaker:
    """A plain function as a maker: the way for measures that need no model.

    Attributes:
        function: things -> an array of n values, or {field's name: n values}; raises nothing.
        fields: what it gives.
        version: of its arithmetic; raised when the same things would have other values.
        takes_pixels: whether it takes decoded images.

    >>> maker = FunctionMaker(lambda texts: [len(text) for text in texts.to_pylist()], (pa.field("", pa.int64()),), "1")
    >>> maker.make(pa.array(["a cat"])).column(0).to_pylist()
    [5]
    """

    function: Callable[..., Any]
    fields: tuple[pa.Field, ...]
    version: str
    takes_pixels: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def info(self) -> Mapping[str, Any]:
        """See `ColumnMaker`."""
        name = f"{self.function.__module__}:{getattr(self.function, '__qualname__', 'function')}"
        return {"function": name, "version": self.version, "settings": dict(self.settings)}

    @property
    def fingerprint(self) -> str:
        """See `ColumnMaker`."""
        return fingerprint_of(self.info)

    def load(self) -> None:
        """A function is ready."""

    def make(self, *things: Any) -> pa.RecordBatch:
        """See `ColumnMaker`."""
        return as_columns(self.function(*things, **self.settings), self.fields, len(things[0]))

    def close(self) -> None:
        """A function holds nothing."""


def fingerprint_of(info: Mapping[str, Any]) -> str:
    """Returns 64 hex digits over what describes a maker.

    Args:
        info: as of `ColumnMaker.info`; JSON can say it.

    >>> fingerprint_of({"a": 1})[:8]
    'f9d86028'
    """
    return hashlib.sha256(json.dumps(info, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def as_columns(values: Any, fields: Sequence[pa.Field], rows: int) -> pa.RecordBatch:
    """Returns what a function gave as the columns of its fields, and ERROR, which is null.

    Args:
        values: n values of one field; or {field's name: n values}, a RecordBatch or a Table of all fields.
        fields: what the function should give.
        rows: n.

    Raises:
        ValueError: there are fewer or more values, a field is missing, or values are of another type.

    >>> as_columns({"a": [1, None]}, [pa.field("a", pa.int64())], 2).to_pydict()
    {'a': [1, None], 'error': [None, None]}
    """
    by_name = _by_name(values, fields)
    arrays = []
    for wanted in fields:
        array = _array(by_name[wanted.name], wanted.type)
        if len(array) != rows:
            raise ValueError(f"{len(array)} values of {rows} were given")
        arrays.append(array)
    schema = pa.schema([*fields, pa.field(ERROR, pa.string())])
    return pa.RecordBatch.from_arrays([*arrays, pa.nulls(rows, pa.string())], schema=schema)


def _by_name(values: Any, fields: Sequence[pa.Field]) -> Mapping[str, Any]:
    if isinstance(values, pa.RecordBatch | pa.Table):
        values = dict(zip(values.schema.names, values.columns, strict=True))
    if not isinstance(values, Mapping):
        if len(fields) > 1:
            raise ValueError(
                f"one list of values was given, not {{name: values}} of {[field.name for field in fields]}"
            )
        return {fields[0].name: values}
    if missing := [field.name for field in fields if field.name not in values]:
        raise ValueError(f"no values were given of {missing[0]!r}, there are {sorted(values)}")
    return values


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    """Returns values as an array of a type; NaN and infinity are null, integers become floats, nothing else changes."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if not isinstance(values, pa.Array):
        if isinstance(values, np.ndarray) and values.ndim != 1:
            raise ValueError(f"an array of {values.ndim} dimensions was given, not of one")
        values = values if isinstance(values, np.ndarray) else list(values)
        values = pa.array(values, from_pandas=True)
    if values.type == kind:
        return _known(values)
    is_number = _is_number(values.type) or pa.types.is_boolean(values.type)
    if pa.types.is_null(values.type) or is_number == _is_number(kind):
        try:
            return _known(values.cast(kind, safe=not pa.types.is_floating(kind)))
        except pa.ArrowException as error:
            raise ValueError(f"values of {values.type} are no {kind}: {error}") from error
    raise ValueError(f"values of {values.type} were given, not of {kind}")


def _known(values: pa.Array) -> pa.Array:
    """Returns floats with null where they are no numbers: by these nothing can be ordered or counted."""
    if not pa.types.is_floating(values.type):
        return values
    return pc.if_else(pc.is_finite(values), values, pa.scalar(None, values.type))


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)
