"""Looks into a file of JSON objects: the keys and types of the first ones, of all where they are few."""

from __future__ import annotations

from dataclasses import replace

from babelsift.pipelines.inputs.columns import ColumnChoice, choose_columns
from babelsift.pipelines.inputs.documents.document_rows import is_document
from babelsift.pipelines.inputs.inspection.documents import inspect_documents
from babelsift.pipelines.inputs.inspection.inspected_file import (
    SAMPLED_ROWS,
    InspectedFile,
    RecordKinds,
    RowRange,
    characters_of,
    layout_of,
)
from babelsift.pipelines.inputs.slices import CAPTION_COLUMNS, URL_COLUMNS, InputFile
from babelsift.pipelines.inputs.tables.compression import BROKEN_CONTENT
from babelsift.pipelines.inputs.tables.json_records import NotJsonError
from babelsift.pipelines.inputs.tables.open_tables import open_json
from babelsift.schemas import InputError


def inspect_json(file: InputFile, choice: ColumnChoice, scanned_characters: int) -> InspectedFile:
    """Returns what a JSON file's first objects say; see `inspect_file`."""
    kinds = RecordKinds()
    rows, problem = 0, ""
    is_looked_through = False
    with open_json(file) as records:
        iterator = iter(records)
        try:
            while rows < SAMPLED_ROWS or records.characters < scanned_characters:
                record = next(iterator)
                rows += 1
                if isinstance(record, str):
                    problem = record
                    continue
                kinds.add(record)
        except StopIteration:
            is_looked_through = True
        except (NotJsonError, *BROKEN_CONTENT):
            if rows < SAMPLED_ROWS:
                raise  # else the worker that reads the file says so
        estimated = rows if is_looked_through else round(characters_of(file) / (records.characters / rows))
    if not rows:
        return InspectedFile(file)
    if not kinds.names and problem:
        raise InputError(f"{file.shown}: {_no_objects(problem, rows)}")
    names = kinds.names
    if is_document(kinds.common_names) and choice.url is None:
        return inspect_documents(file, choice, estimated)
    choice = replace(
        choice,
        url=choice.url or kinds.usual(URL_COLUMNS),
        caption=choice.caption or kinds.usual(CAPTION_COLUMNS),
    )
    pair = choose_columns(choice, names, where=file.shown)
    return InspectedFile(
        file,
        names,
        kinds.column_kinds(is_looked_through),
        layout_of(pair, keys=names),
        (RowRange(),),
        estimated,
        is_looked_through,
        kinds.lists,
    )


def _no_objects(problem: str, rows: int) -> str:
    remedy = "a file has one JSON object a line, or is named .json and is an array of objects"
    return f"none of its first {rows} rows is a JSON object ({problem}); {remedy}"
