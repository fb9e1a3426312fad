"""The column of a parquet file that holds images, as Hugging Face's data sets have it: `image: {bytes, path}`."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from babelsift.pipelines.inputs.input_images import url_of_bytes

_NAMES = ("image", "jpg", "jpeg", "png", "webp", "image_bytes", "img")
_BYTES = "bytes"


def image_column(schema: pa.Schema) -> int | None:
    """Returns the index of the column that holds images, by its type, and of several by their names; None: none does.

    It is a struct with a field `bytes`, or a binary column with a usual name.
    """
    return next(iter(_image_columns(schema)), None)


def further_image_columns(schema: pa.Schema) -> list[int]:
    """Returns the indices of the columns that hold images beside the one that is the rows' image."""
    return _image_columns(schema)[1:]


def _image_columns(schema: pa.Schema) -> list[int]:
    structs = [index for index, column in enumerate(schema) if _is_image_struct(column.type)]
    named = [
        index
        for name in _NAMES
        for index, column in enumerate(schema)
        if column.name.lower() == name and (index in structs or _is_binary(column.type))
    ]
    return list(dict.fromkeys([*named, *structs]))


def image_bodies(column: pa.Array) -> Iterator[bytes | None]:
    """Yields the files that an image column holds; None where it holds none, but a path, say."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    values = pc.struct_field(column, _BYTES) if pa.types.is_struct(column.type) else column
    for value in values:
        yield value.as_py()


def urls_of_rows(given: pa.Array, source: str, first_row: int) -> pa.Array:
    """Returns the rows' URLs: those that they have, else such as name the bytes.

    Args:
        given: string[n], nullable.
        source: path of the file within the input.
        first_row: number, in the file, of the first row.
    """
    trimmed = pc.utf8_trim_whitespace(given)
    named = pa.array([url_of_bytes(source, first_row + row) for row in range(len(given))], pa.string())
    return pc.if_else(pc.fill_null(pc.greater(pc.utf8_length(trimmed), 0), False), trimmed, named)


def _is_image_struct(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    return pa.types.is_struct(kind) and kind.get_field_index(_BYTES) >= 0 and _is_binary(kind.field(_BYTES).type)


def _is_binary(kind: pa.DataType) -> bool:
    is_plain = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    return is_plain or str(kind) == "binary_view"
