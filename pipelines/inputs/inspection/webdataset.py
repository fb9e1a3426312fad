"""Looks into a webdataset's tar: the keys and types of its first samples."""

from __future__ import annotations

import itertools
from dataclasses import replace

from babelsift.pipelines.inputs.columns import ColumnChoice, choose_columns
from babelsift.pipelines.inputs.inspection.inspected_file import (
    SAMPLED_ROWS,
    InspectedFile,
    RecordKinds,
    RowRange,
    known_size,
    layout_of,
    size_of,
)
from babelsift.pipelines.inputs.slices import URL_COLUMNS, InputFile
from babelsift.pipelines.inputs.webdataset.records import TEXT_NAMES, TEXTS, lists_texts, sample_records
from babelsift.schemas import InputError

_GUESSED_SAMPLE_BYTES = 50_000
_TOO_FEW_SAMPLES = 3  # rows of a tar that breaks off, to say that it lacks texts


def inspect_webdataset(file: InputFile, choice: ColumnChoice) -> InspectedFile:
    """Returns what a tar's first samples say; see `inspect_file`."""
    if known_size(file) == 0:
        return InspectedFile(file)
    kinds = RecordKinds()
    problem = ""
    each_text = choice.caption is None or (choice.caption == TEXTS and lists_texts(file, SAMPLED_ROWS))
    if each_text:
        choice = replace(choice, caption=None)
    records = list(itertools.islice(sample_records(file, each_text=each_text), SAMPLED_ROWS))
    for record in records:
        if isinstance(record, str):
            problem = problem or record
            continue
        kinds.add(record)
    if not kinds.names:
        if problem:
            raise ValueError(problem)
        return InspectedFile(file)
    is_looked_through = len(records) < SAMPLED_ROWS
    names = kinds.names
    choice = replace(
        choice, url=choice.url or kinds.usual(URL_COLUMNS), caption=choice.caption or kinds.usual(TEXT_NAMES)
    )
    try:
        pair = choose_columns(choice, names, where=file.shown)
    except InputError as error:
        if problem and len(records) <= _TOO_FEW_SAMPLES:
            raise ValueError(problem) from error
        raise
    return InspectedFile(
        file,
        names,
        kinds.column_kinds(is_looked_through),
        layout_of(pair, keys=names, holds_images=True, each_text=each_text),
        (RowRange(),),
        len(records) if is_looked_through else max(len(records), size_of(file) // _GUESSED_SAMPLE_BYTES),
        is_looked_through,
        kinds.lists,
    )
