"""Looks into a file of the input before the run: what its columns are, how many rows it has, how it is cut into slices.

Only footers and beginnings are read here, in the driver; the rows are read by the workers.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.inputs.carried.json_kind import JsonKind
from babelsift.pipelines.inputs.carried.types import ColumnKind, carried_type, is_list
from babelsift.pipelines.inputs.columns import ColumnChoice, PairColumns, choose_columns, choose_text_columns
from babelsift.pipelines.inputs.crawl.slices import DEFAULT_CAPTIONS, DEFAULT_LICENSE, crawl_schema, estimated_rows
from babelsift.pipelines.inputs.documents.document_rows import COLUMNS as DOCUMENT_COLUMNS
from babelsift.pipelines.inputs.documents.document_rows import DEFAULT_CAPTION as DOCUMENT_CAPTION
from babelsift.pipelines.inputs.documents.document_rows import DOCUMENT_TEXTS, is_document
from babelsift.pipelines.inputs.formats import CRAWL_FORMATS, WEBDATASET
from babelsift.pipelines.inputs.slices import FileLayout, InputFile
from babelsift.pipelines.inputs.storage_file import StorageFile
from babelsift.pipelines.inputs.tables.compression import BROKEN_CONTENT
from babelsift.pipelines.inputs.tables.delimited import DelimitedRows
from babelsift.pipelines.inputs.tables.image_column import further_image_columns, image_column
from babelsift.pipelines.inputs.tables.json_records import NotJsonError
from babelsift.pipelines.inputs.tables.open_tables import open_json, open_lines, open_parquet, pair_test
from babelsift.pipelines.inputs.tables.text_lines import Lines
from babelsift.pipelines.inputs.webdataset.records import TEXTS, default_caption, lists_texts, sample_records
from babelsift.pipelines.storage.errors import retrying, storage_failures
from babelsift.pipelines.storage.file_systems import open_file_system
from babelsift.schemas import InputError, one_line

_SAMPLED_ROWS = 1000
_ROW_GROUPS_TOGETHER_ROWS = 100_000
_GUESSED_COMPRESSION = 4
_GUESSED_IMAGES_A_DOCUMENT = 3
_GUESSED_SAMPLE_BYTES = 50_000
_TOO_FEW_SAMPLES = 3  # rows of a tar that breaks off, to say that it lacks texts
_CSV_DELIMITERS = (",", "\t", ";", "|")


@dataclass(frozen=True)
class RowRange:
    """Row groups of a parquet file, or all of a text file; see `InputSlice` for the fields."""

    row_groups: tuple[int, ...] = ()
    first_row: int = 0
    rows: int | None = None


@dataclass(frozen=True)
class InspectedFile:
    """What was found out about a file.

    Attributes:
        file: the file.
        names: of its columns, in their order.
        kinds: of its columns, as they are carried.
        layout: where the pair is, before anything is carried; None: the file is empty.
        ranges: the slices that it is read by.
        rows: how many it has, exact for parquet, a guess for text.
        is_looked_through: whether `names` and `kinds` are known to hold for every row.
        lists: indices of the columns that hold lists, alone or among fewer strings.
        left_out: indices of columns that are neither of the pair nor carried.
    """

    file: InputFile
    names: tuple[str, ...] = ()
    kinds: tuple[ColumnKind, ...] = ()
    layout: FileLayout | None = None
    ranges: tuple[RowRange, ...] = ()
    rows: int = 0
    is_looked_through: bool = True
    lists: frozenset[int] = frozenset()
    left_out: frozenset[int] = frozenset()

    @property
    def has_several_texts(self) -> bool:
        """Whether a row may have several texts, or its text several sources."""
        captions = () if self.layout is None else self.layout.captions
        indices = [index for chain in captions for index in chain]
        return len(indices) > 1 or not self.lists.isdisjoint(indices)


def inspect_file(
    file: InputFile, choice: ColumnChoice, *, scanned_characters: int, guessed_size: int | None = None
) -> InspectedFile:
    """Returns what there is to know about a file before its rows are read.

    Args:
        file: with its format.
        choice: the columns that the user names.
        scanned_characters: of a JSON file so many are looked through for keys and types, at least 1000 rows.
        guessed_size: bytes that a crawl's file is taken to have; None: its file system is asked.

    Raises:
        InputError: it cannot be read as what its name says, or its pair's columns cannot be told.
    """
    try:
        if file.format == "parquet":
            return _inspect_parquet(file, choice)
        if file.format in CRAWL_FORMATS:
            return _inspect_crawl(file, choice, guessed_size)
        if file.format == WEBDATASET:
            return _inspect_webdataset(file, choice)
        if file.format.startswith("json"):
            return _inspect_json(file, choice, scanned_characters)
        return _inspect_delimited(file, choice)
    except (OSError, ValueError, pa.ArrowException, *BROKEN_CONTENT) as error:
        reason = one_line(error, limit=None)
        raise InputError(f"{file.shown}: not readable as {file.format}: {reason}; remove or replace it") from error


def _layout(pair: PairColumns, **more: Any) -> FileLayout:
    return FileLayout(pair.url, pair.captions, language=pair.language, license=pair.license, **more)


def _inspect_parquet(file: InputFile, choice: ColumnChoice) -> InspectedFile:
    with open_parquet(file) as parquet:
        metadata = parquet.metadata
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        schema = parquet.schema_arrow
        kinds = tuple(_kinds_of(schema, metadata))
    if is_document(schema.names) and choice.url is None:
        return _inspect_documents(file, choice, sum(sizes))
    image = image_column(schema)
    names = tuple(schema.names)
    try:
        pair = choose_columns(choice, names, where=file.shown)
    except InputError:
        if image is None or choice.url is not None:
            raise
        names, kinds = (*names, "url"), (*kinds, ColumnKind(pa.string()))  # one that names where the bytes are
        pair = choose_columns(choice, names, where=file.shown)
    ranges = tuple(_parquet_ranges(sizes))
    layout = _layout(pair, image=image, holds_images=image is not None)
    lists = frozenset(index for index, column in enumerate(schema) if is_list(carried_type(column.type)))
    further = frozenset(further_image_columns(schema)) - layout.pair
    if further:
        shown = ", ".join(names[index] for index in sorted(further))
        logging.warning("read: %s: a row has one image, %r; left out: %s", file.shown, names[image or 0], shown)
    return InspectedFile(file, names, kinds, layout, ranges, sum(sizes), lists=lists, left_out=further)


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


def _inspect_delimited(file: InputFile, choice: ColumnChoice) -> InspectedFile:
    with open_lines(file) as lines:
        delimiter = _delimiter(file, lines)
        first = DelimitedRows(lines, delimiter).first()
        if first is None:
            return InspectedFile(file)
        if any("\0" in name for name in first):
            raise ValueError(f"it begins {_begins_as(first[0])}")
        pair = choose_text_columns(choice, first, where=file.shown)
        layout = _layout(pair, width=len(first), has_header=pair.has_header, delimiter=delimiter)
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
    block = next(table.blocks(_SAMPLED_ROWS), None)
    if block is None:
        return 0
    if lines.peek(0) is None:
        return block.count
    return round(_characters(file) / (lines.characters / max(1, block.count)))


def _characters(file: InputFile) -> int:
    """Returns about how many characters a file has."""
    return _size(file) * (_GUESSED_COMPRESSION if file.compression else 1)


def _size(file: InputFile) -> int:
    """Returns a file's bytes, 0 where they are not known."""
    return known_size(file) or 0


def known_size(file: InputFile) -> int | None:
    """Returns a file's bytes; None where its file system does not say.

    Raises:
        InputError: the file system does not give the file.
    """
    with storage_failures(InputError, f"{file.shown}: cannot be read"):
        fs, path = open_file_system(file.path)
        size: int | None = retrying(lambda: fs.info(path)).get("size")
    return size


def _is_empty(file: InputFile) -> bool:
    with StorageFile(file) as content:
        return not content.read(1)


def _inspect_crawl(file: InputFile, choice: ColumnChoice, guessed_size: int | None) -> InspectedFile:
    schema = crawl_schema(file)
    size = known_size(file) if guessed_size is None else guessed_size
    if size == 0 or (size is None and _is_empty(file)):
        return InspectedFile(file)
    choice = replace(
        choice, caption=choice.caption or DEFAULT_CAPTIONS[file.format], license=choice.license or DEFAULT_LICENSE
    )
    layout = _layout(choose_columns(choice, schema.names, where=file.shown))
    kinds = tuple(ColumnKind(column.type) for column in schema)
    return InspectedFile(file, tuple(schema.names), kinds, layout, (RowRange(),), estimated_rows(file, size or 0))


def _inspect_json(file: InputFile, choice: ColumnChoice, scanned_characters: int) -> InspectedFile:
    kinds: dict[str, JsonKind] = {}
    rows, problem = 0, ""
    is_looked_through = False
    with open_json(file) as records:
        iterator = iter(records)
        try:
            while rows < _SAMPLED_ROWS or records.characters < scanned_characters:
                record = next(iterator)
                rows += 1
                if isinstance(record, str):
                    problem = record
                    continue
                for name, value in record.items():
                    kinds.setdefault(name, JsonKind()).add(value)
        except StopIteration:
            is_looked_through = True
        except (NotJsonError, *BROKEN_CONTENT):
            if rows < _SAMPLED_ROWS:
                raise  # else the worker that reads the file says so
        estimated = rows if is_looked_through else round(_characters(file) / (records.characters / rows))
    if not rows:
        return InspectedFile(file)
    if not kinds and problem:
        raise InputError(f"{file.shown}: {_no_objects(problem, rows)}")
    names = tuple(kinds)
    if is_document(names) and choice.url is None:
        return _inspect_documents(file, choice, estimated)
    pair = choose_columns(choice, names, where=file.shown)
    return InspectedFile(
        file,
        names,
        tuple(kind.column_kind(is_looked_through) for kind in kinds.values()),
        _layout(pair, keys=names),
        (RowRange(),),
        estimated,
        is_looked_through,
        frozenset(index for index, kind in enumerate(kinds.values()) if kind.is_of_lists),
    )


def _inspect_webdataset(file: InputFile, choice: ColumnChoice) -> InspectedFile:
    kinds: dict[str, JsonKind] = {}
    problem = ""
    each_text = choice.caption is None or (choice.caption == TEXTS and lists_texts(file, _SAMPLED_ROWS))
    if each_text:
        choice = replace(choice, caption=None)
    records = list(itertools.islice(sample_records(file, each_text=each_text), _SAMPLED_ROWS))
    for record in records:
        if isinstance(record, str):
            problem = problem or record
            continue
        for name, value in record.items():
            kinds.setdefault(name, JsonKind()).add(value)
    if not kinds:
        if problem:
            raise ValueError(problem)
        return InspectedFile(file)
    is_looked_through = len(records) < _SAMPLED_ROWS
    names = tuple(kinds)
    choice = replace(choice, caption=choice.caption or default_caption(names))
    try:
        pair = choose_columns(choice, names, where=file.shown)
    except InputError as error:
        if problem and len(records) <= _TOO_FEW_SAMPLES:
            raise ValueError(problem) from error
        raise
    return InspectedFile(
        file,
        names,
        tuple(kind.column_kind(is_looked_through) for kind in kinds.values()),
        _layout(pair, keys=names, holds_images=True, each_text=each_text),
        (RowRange(),),
        len(records) if is_looked_through else max(len(records), _size(file) // _GUESSED_SAMPLE_BYTES),
        is_looked_through,
        frozenset(index for index, kind in enumerate(kinds.values()) if kind.is_of_lists),
    )


def _inspect_documents(file: InputFile, choice: ColumnChoice, documents: int) -> InspectedFile:
    columns = dict(DOCUMENT_COLUMNS)
    if DOCUMENT_TEXTS in (choice.caption or ""):
        columns[DOCUMENT_TEXTS] = pa.list_(pa.string())
    names = tuple(columns)
    pair = choose_columns(replace(choice, caption=choice.caption or DOCUMENT_CAPTION), names, where=file.shown)
    # What is nested is carried as its JSON, as of any JSON file.
    kinds = tuple(ColumnKind(pa.string() if is_list(kind) else kind) for kind in columns.values())
    return InspectedFile(
        file,
        names,
        kinds,
        _layout(pair, keys=names, is_of_documents=True),
        (RowRange(),),
        max(1, documents * _GUESSED_IMAGES_A_DOCUMENT),
        lists=frozenset(index for index, kind in enumerate(columns.values()) if is_list(kind)),
    )


def _no_objects(problem: str, rows: int) -> str:
    remedy = "a file has one JSON object a line, or is named .json and is an array of objects"
    return f"none of its first {rows} rows is a JSON object ({problem}); {remedy}"
