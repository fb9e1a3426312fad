"""What a file of interleaved documents gives: rows of its images, with the texts around each."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from babelsift.pipelines.inputs.carried.types import ColumnKind, is_list
from babelsift.pipelines.inputs.columns import ColumnChoice, choose_columns
from babelsift.pipelines.inputs.documents.document_rows import COLUMNS, DEFAULT_CAPTION, DOCUMENT_TEXTS
from babelsift.pipelines.inputs.inspection.inspected_file import InspectedFile, RowRange, layout_of
from babelsift.pipelines.inputs.slices import InputFile

_GUESSED_IMAGES_A_DOCUMENT = 3


def inspect_documents(file: InputFile, choice: ColumnChoice, documents: int) -> InspectedFile:
    """Returns the columns of the images of a file that has so many documents; see `inspect_file`."""
    columns = dict(COLUMNS)
    if DOCUMENT_TEXTS in (choice.caption or ""):
        columns[DOCUMENT_TEXTS] = pa.list_(pa.string())
    names = tuple(columns)
    pair = choose_columns(replace(choice, caption=choice.caption or DEFAULT_CAPTION), names, where=file.shown)
    # What is nested is carried as its JSON, as of any JSON file.
    kinds = tuple(ColumnKind(pa.string() if is_list(kind) else kind) for kind in columns.values())
    return InspectedFile(
        file,
        names,
        kinds,
        layout_of(pair, keys=names, is_of_documents=True),
        (RowRange(),),
        max(1, documents * _GUESSED_IMAGES_A_DOCUMENT),
        lists=frozenset(index for index, kind in enumerate(columns.values()) if is_list(kind)),
    )
