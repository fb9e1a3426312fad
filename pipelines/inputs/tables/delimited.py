"""CSV and TSV, as programs that quote write them (RFC 4180) and as those that do not: every line is a row with a fate.

A quotation mark opens a field only where another closes it: followed by a delimiter or a line's end, with the marks
inside doubled. Only such a field goes over several lines. Any other mark is a character like any other, so that a
caption which begins with one, in a file that does not quote, costs no row. Lines that are rows by themselves stay so
where a mark far below would close what one of them seems to open.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from babelsift.pipelines.inputs.tables.text_lines import Lines, without_end

# A field that is longer than this is a quote that was never closed, not a caption.
MAX_FIELD_CHARACTERS = 1_000_000
# So many lines of a field show whether they are its text or rows of their own.
_LINES_LOOKED_AT = 20


@dataclass
class Fields:
    """Rows of a delimited file, in their order, and what is wrong with those that do not fit.

    Attributes:
        rows: the fields of each row that fits.
        numbers: int[], which row of the block each of them is.
        unreadable: row of the block -> what is wrong with it.
        count: rows in all.
    """

    rows: list[list[str]] = field(default_factory=list)
    numbers: Sequence[int] = ()
    unreadable: dict[int, str] = field(default_factory=dict)
    count: int = 0


class DelimitedRows:
    """The rows of a CSV or TSV file.

    Args:
        lines: of the file, at its beginning.
        delimiter: one character.
        width: how many fields a row has; None: as many as the first.
        is_row: whether fields are those of a pair, by which lines inside a quoted field are told from rows; None: no
            fields are, so that each field which is properly quoted may go over several lines.
    """

    def __init__(
        self,
        lines: Lines,
        delimiter: str,
        width: int | None = None,
        is_row: Callable[[Sequence[str]], bool] | None = None,
    ) -> None:
        csv.field_size_limit(MAX_FIELD_CHARACTERS)
        self._lines = lines
        self._delimiter = delimiter
        self._width = width
        self._is_row = is_row

    def first(self) -> list[str] | None:
        """Returns the fields of the next row, whatever their number; None where there is none."""
        while (line := self._lines.peek(0)) is not None:
            if without_end(line):
                return self._record()
            self._lines.skip(1)
        return None

    def blocks(self, rows: int) -> Iterator[Fields]:
        """Yields the rows that follow, about so many at a time. A blank line is no row."""
        while lines := self._lines.take(rows):
            records = self._plain_records(lines)
            if records is None:
                self._lines.skip(-len(lines))
                records = self._records(len(lines))
            yield self._fitting(records)

    def _plain_records(self, lines: list[str]) -> list[list[str]] | None:
        """Returns the rows of lines that are a row each; None where one is not so simple."""
        try:
            records = list(csv.reader(lines, delimiter=self._delimiter, strict=True))
        except csv.Error:
            return None
        if len(records) != len(lines):
            return None
        misfits = (line for line, record in zip(lines, records, strict=True) if len(record) != self._width)
        if any('"' in line for line in misfits):
            return None
        return [record for record in records if record]

    def _records(self, lines: int) -> list[list[str]]:
        """Returns the rows that begin in the next lines."""
        records = []
        last = self._lines.position + lines
        while self._lines.position < last and self._lines.peek(0) is not None:
            record = self.first()
            if record is not None:
                records.append(record)
        return records

    def _fitting(self, records: list[list[str]]) -> Fields:
        if self._width is None and records:
            self._width = len(records[0])
        unreadable: dict[int, str] = {}
        for number, record in enumerate(records):
            if len(record) != self._width:
                unreadable[number] = f"{len(record)} fields where the header has {self._width}"
            elif max(map(len, record)) > MAX_FIELD_CHARACTERS:
                unreadable[number] = f"a field of more than {MAX_FIELD_CHARACTERS} characters"
        if not unreadable:
            return Fields(records, range(len(records)), {}, len(records))
        numbers = [number for number in range(len(records)) if number not in unreadable]
        return Fields([records[number] for number in numbers], numbers, unreadable, len(records))

    def _record(self) -> list[str]:
        """Returns the fields of the row that begins with the next line, and goes on behind it."""
        line = self._lines.peek(0)
        assert line is not None
        if '"' not in line:
            self._lines.skip(1)
            return without_end(line).split(self._delimiter)
        proper = self._proper_record()
        if proper is not None:
            record, lines = proper
            if lines == 1 or not self._holds_rows(lines):
                self._lines.skip(lines)
                return record if lines > 1 else self._best_reading(line, record)
        self._lines.skip(1)
        return self._best_reading(line, None)

    def _proper_record(self) -> tuple[list[str], int] | None:
        """Returns (fields, lines) of the next row by RFC 4180; None where it is none."""
        fields: list[str] = []
        number = position = 0
        line = self._lines.peek(0) or ""
        while True:
            if line.startswith('"', position):
                quoted = self._quoted(number, position + 1)
                if quoted is None:
                    return None
                text, number, position = quoted
                line = self._lines.peek(number) or ""
                fields.append(text)
            else:
                end = line.find(self._delimiter, position)
                end = len(without_end(line)) if end < 0 else end
                fields.append(line[position:end])
                position = end
            if position >= len(without_end(line)):
                return fields, number + 1
            if line[position] != self._delimiter:
                return None
            position += 1

    def _quoted(self, number: int, position: int) -> tuple[str, int, int] | None:
        """Returns (text, line, position behind the closing mark) of a quoted field; None where nothing closes it."""
        pieces: list[str] = []
        characters = 0
        while (line := self._lines.peek(number)) is not None and characters <= MAX_FIELD_CHARACTERS:
            end = line.find('"', position)
            if end < 0:
                pieces.append(line[position:])
                characters += len(pieces[-1])
                number, position = number + 1, 0
            elif line.startswith('""', end):
                pieces.append(line[position : end + 1])
                position = end + 2
            else:
                pieces.append(line[position:end])
                return "".join(pieces), number, end + 1
        return None

    def _holds_rows(self, lines: int) -> bool:
        """Whether the first, the last and most of the lines that a quoted field would go over are rows already."""
        numbers = [0, lines - 1, *range(1, min(lines - 1, _LINES_LOOKED_AT))]
        are_rows = [self._stands_for_itself(self._lines.peek(number) or "") for number in numbers]
        return are_rows[0] and are_rows[1] and sum(are_rows) > len(are_rows) / 2

    def _stands_for_itself(self, line: str) -> bool:
        return self._is_row is not None and self._is_row(self._best_reading(line, None))

    def _best_reading(self, line: str, record: list[str] | None) -> list[str]:
        """Returns the fields of a line that is a row: by the first way of writing that gives the right number.

        Args:
            line: with its end.
            record: its fields by RFC 4180; None: it is not written so.
        """
        if record is not None and (len(record) == self._width or '"' not in line):
            return record
        plain = without_end(line)
        literal = plain.split(self._delimiter)
        if self._width is None:
            return literal if record is None else record
        readings = [self._read(plain, doublequote=False, escapechar="\\")] if '\\"' in plain else []
        if record is None:
            readings += [literal, self._read(plain, strict=False)]
        readings.append(self._read(plain, skipinitialspace=True))
        fitting = (reading for reading in readings if reading is not None and len(reading) == self._width)
        return next(fitting, literal if record is None else record)

    def _read(
        self,
        line: str,
        *,
        strict: bool = True,
        doublequote: bool = True,
        escapechar: str | None = None,
        skipinitialspace: bool = False,
    ) -> list[str] | None:
        """Returns a line's fields in one of csv's dialects; None where it is not written so."""
        reader = csv.reader(
            [line],
            delimiter=self._delimiter,
            strict=strict,
            doublequote=doublequote,
            escapechar=escapechar,
            skipinitialspace=skipinitialspace,
        )
        try:
            return next(reader)
        except (csv.Error, StopIteration):
            return None
