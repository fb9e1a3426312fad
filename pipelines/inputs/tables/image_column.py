"""The column of a parquet file that holds images, as Hugging Face's data sets have it: `image: {bytes, path}`."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.filters.image.sniff import is_image
from babelsift.pipelines.inputs.carried.types import is_list
from babelsift.pipelines.inputs.input_images import url_of_bytes

_NAMES = ("image", "jpg", "jpeg", "png", "webp", "image_bytes", "img")
_BYTES = "bytes"
_ROWS_LOOKED_AT = 64


def image_columns(schema: pa.Schema) -> list[int]:
    """Returns the indices of the columns that hold images, by their types and names; the first is the rows' image.

    Such is a struct with a field `bytes`, or a binary column with a usual name.
    """
    structs = [index for index, column in enumerate(schema) if _is_image_struct(column.type)]
    named = [
        index
        for name in _NAMES
        for index, column in enumerate(schema)
        if column.name.lower() == name and (index in structs or is_binary(column.type))
    ]
    return list(dict.fromkeys([*named, *structs]))


def further_image_columns(parquet: pq.ParquetFile, known: Collection[int]) -> list[int]:
    """Returns the indices of other columns that hold images: by what binary ones begin with, or lists of images.

    Args:
        parquet: the file; of its binary columns some of the first rows are read.
        known: indices of the columns that are known to hold images.
    """
    schema = parquet.schema_arrow
    return [
        index
        for index, column in enumerate(schema)
        if index not in known
        and (_contains_images(column.type) or (is_binary(column.type) and _begins_as_image(parquet, column.name)))
    ]


def _begins_as_image(parquet: pq.ParquetFile, name: str) -> bool:
    if parquet.schema_arrow.names.count(name) > 1:
        return False
    for batch in parquet.iter_batches(_ROWS_LOOKED_AT, columns=[name]):
        value = next((value.as_py() for value in batch.column(0) if value.is_valid), None)
        if value is not None:
            return is_image(value)
    return False


def _contains_images(kind: pa.DataType) -> bool:
    """Whether a type holds image structs, at any depth."""
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if _is_image_struct(kind):
        return True
    if pa.types.is_struct(kind):
        return any(_contains_images(field.type) for field in kind)
    return is_list(kind) and _contains_images(kind.value_type)


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
    return pa.types.is_struct(kind) and kind.get_field_index(_BYTES) >= 0 and is_binary(kind.field(_BYTES).type)


def is_binary(kind: pa.DataType) -> bool:
    """Returns whether a type is bytes, of any length."""
    is_plain = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    return is_plain or str(kind) == "binary_view"
