"""Looks into a file of a crawl: WAT and WARC have the same columns everywhere, so its size is all that is asked for."""

from __future__ import annotations

from dataclasses import replace

from babelsift.pipelines.inputs.carried.types import ColumnKind
from babelsift.pipelines.inputs.columns import ColumnChoice, choose_columns
from babelsift.pipelines.inputs.crawl.slices import DEFAULT_CAPTIONS, DEFAULT_LICENSE, crawl_schema, estimated_rows
from babelsift.pipelines.inputs.inspection.inspected_file import InspectedFile, RowRange, known_size, layout_of
from babelsift.pipelines.inputs.slices import InputFile
from babelsift.pipelines.inputs.storage_file import StorageFile


def inspect_crawl(file: InputFile, choice: ColumnChoice, guessed_size: int | None) -> InspectedFile:
    """Returns what a crawl's file has; see `inspect_file`."""
    schema = crawl_schema(file)
    size = known_size(file) if guessed_size is None else guessed_size
    if size == 0 or (size is None and _is_empty(file)):
        return InspectedFile(file)
    choice = replace(
        choice, caption=choice.caption or DEFAULT_CAPTIONS[file.format], license=choice.license or DEFAULT_LICENSE
    )
    layout = layout_of(choose_columns(choice, schema.names, where=file.shown))
    kinds = tuple(ColumnKind(column.type) for column in schema)
    return InspectedFile(file, tuple(schema.names), kinds, layout, (RowRange(),), estimated_rows(file, size or 0))


def _is_empty(file: InputFile) -> bool:
    with StorageFile(file) as content:
        return not content.read(1)
