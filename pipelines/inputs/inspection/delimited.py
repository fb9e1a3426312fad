"""Looks into a CSV or TSV file: its first line, and the rows after it as a sample."""

from __future__ import annotations

import pyarrow as pa

from babelsift.pipelines.inputs.carried.types import ColumnKind
from babelsift.pipelines.inputs.columns import ColumnChoice, choose_text_columns
from babelsift.pipelines.inputs.inspection.inspected_file import (
    SAMPLED_ROWS,
    InspectedFile,
    RowRange,
    characters_of,
    layout_of,
)
from babelsift.pipelines.inputs.slices import InputFile
from babelsift.pipelines.inputs.tables.delimited import DelimitedRows
from babelsift.pipelines.inputs.tables.open_tables import open_lines, pair_test
from babelsift.pipelines.inputs.tables.text_lines import Lines

_CSV_DELIMITERS = (",", "\t", ";", "|")


def inspect_delimited(file: InputFile, choice: ColumnChoice) -> InspectedFile:
    """Returns what a delimited file's first rows say; see `inspect_file`."""
    with open_lines(file) as lines:
        delimiter = _delimiter(file, lines)
        first = DelimitedRows(lines, delimiter).first()
        if first is None:
            return InspectedFile(file)
        if any("\0" in name for name in first):
            raise ValueError(f"it begins {_begins_as(first[0])}")
        pair = choose_text_columns(choice, first, where=file.shown)
        layout = layout_of(pair, width=len(first), has_header=pair.has_header, delimiter=delimiter)
        rows = _sampled_rows(file, DelimitedRows(lines, delimiter, len(first), is_row=pair_test(layout)), lines)
    names = tuple(first) if pair.has_header else tuple(f"column_{number}" for number in range(1, len(first) + 1))
    kinds = tuple(ColumnKind(pa.string()) for _ in names)
    return InspectedFile(file, names, kinds, layout, (RowRange(),), rows + (not pair.has_header))


def _begins_as(text: str) -> str:
    """Returns what a file is that begins with such a text and is none."""
    known = {"PAR1": "as a parquet file does: name it .parquet", "\x1f": "as a .gz does, maybe within another"}
    known |= {"PK\x03\x04": "as a .zip does: unpack it", "(\udcb5/\udcfd": "as a .zst does: name it so"}
    return next((said for start, said in known.items() if text.startswith(start)), "with bytes that are no text")


def _delimiter(file: InputFile, lines: Lines) -> str:
    """Returns what divides the fields of a file: as its first line shows, where that of its format is not there."""
    if lines.delimiter is not None:
        return lines.delimiter
    if file.format == "tsv":
        return "\t"
    index = 0
    while (line := lines.peek(index)) is not None and not line.strip():
        index += 1
    return next((mark for mark in _CSV_DELIMITERS if mark in (line or "")), ",")


def _sampled_rows(file: InputFile, table: DelimitedRows, lines: Lines) -> int:
    """Returns how many rows follow: all of them where they are few, else by the size of the first."""
    block = next(table.blocks(SAMPLED_ROWS), None)
    if block is None:
        return 0
    if lines.peek(0) is None:
        return block.count
    return round(characters_of(file) / (lines.characters / max(1, block.count)))
