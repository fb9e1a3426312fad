"""Looks into a parquet file: its footer says all there is to know."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.inputs.carried.types import ColumnKind, carried_type, is_list
from babelsift.pipelines.inputs.columns import ColumnChoice, choose_columns
from babelsift.pipelines.inputs.documents.document_rows import is_document
from babelsift.pipelines.inputs.inspection.documents import inspect_documents
from babelsift.pipelines.inputs.inspection.inspected_file import InspectedFile, RowRange, layout_of
from babelsift.pipelines.inputs.slices import InputFile
from babelsift.pipelines.inputs.tables.image_column import further_image_columns, image_columns, is_binary
from babelsift.pipelines.inputs.tables.open_tables import open_parquet
from babelsift.schemas import InputError

_ROW_GROUPS_TOGETHER_ROWS = 100_000


def inspect_parquet(file: InputFile, choice: ColumnChoice) -> InspectedFile:
    """Returns what a parquet file's footer says; see `inspect_file`."""
    with open_parquet(file) as parquet:
        metadata = parquet.metadata
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        schema = parquet.schema_arrow
        kinds = tuple(_kinds_of(schema, metadata))
        if is_document(schema.names) and choice.url is None:
            return inspect_documents(file, choice, sum(sizes))
        images = image_columns(schema)
        others = further_image_columns(parquet, images)
    names = tuple(schema.names)
    try:
        pair = choose_columns(choice, names, where=file.shown)
    except InputError:
        images += [index for index in others if not images and is_binary(schema.field(index).type)]
        if not images or choice.url is not None:
            raise
        names, kinds = (*names, "url"), (*kinds, ColumnKind(pa.string()))  # one that names where the bytes are
        pair = choose_columns(choice, names, where=file.shown)
    image = images[0] if images else None
    layout = layout_of(pair, image=image, holds_images=image is not None)
    lists = frozenset(index for index, column in enumerate(schema) if is_list(carried_type(column.type)))
    left_out = frozenset((*images, *others)) - layout.pair
    if left_out:
        instead = "its URLs are downloaded" if image is None else f"a row has one image, {names[image]!r}"
        shown = ", ".join(names[index] for index in sorted(left_out))
        logging.warning("read: %s: %s; left out, as they hold images: %s", file.shown, instead, shown)
    ranges = tuple(_parquet_ranges(sizes))
    return InspectedFile(file, names, kinds, layout, ranges, sum(sizes), lists=lists, left_out=left_out)


def _kinds_of(schema: pa.Schema, metadata: pq.FileMetaData) -> Iterator[ColumnKind]:
    leaf = 0
    for column in schema:
        kind = carried_type(column.type)
        is_wide = pa.types.is_integer(kind) and kind.bit_width == 64
        yield ColumnKind(kind, *(_range_of(metadata, leaf) if is_wide else (None, None)))
        leaf += _leaves(column.type)


def _range_of(metadata: pq.FileMetaData, leaf: int) -> tuple[int | None, int | None]:
    """Returns the least and the greatest value of a column by the file's statistics; None where it has none."""
    lowest, highest = [], []
    for group in range(metadata.num_row_groups):
        column = metadata.row_group(group).column(leaf)
        statistics = column.statistics
        if statistics is None or not statistics.has_min_max:
            if statistics is not None and statistics.has_null_count and statistics.null_count == column.num_values:
                continue  # nothing but nulls
            return None, None
        lowest.append(int(statistics.min))
        highest.append(int(statistics.max))
    return min(lowest, default=0), max(highest, default=0)


def _leaves(kind: pa.DataType) -> int:
    """How many of parquet's columns hold a column of a type."""
    if isinstance(kind, pa.BaseExtensionType):
        return _leaves(kind.storage_type)
    if pa.types.is_map(kind):
        return _leaves(kind.key_type) + _leaves(kind.item_type)
    if pa.types.is_dictionary(kind):
        return 1
    if pa.types.is_struct(kind):
        return sum(_leaves(field.type) for field in kind)
    return _leaves(kind.value_type) if hasattr(kind, "value_type") else 1


def _parquet_ranges(sizes: Sequence[int]) -> Iterator[RowRange]:
    groups: list[int] = []
    first_row = rows = 0
    for group, size in enumerate(sizes):
        groups.append(group)
        rows += size
        if rows >= _ROW_GROUPS_TOGETHER_ROWS or group == len(sizes) - 1:
            yield RowRange(tuple(groups), first_row, rows)
            groups, first_row, rows = [], first_row + rows, 0
