"""JSON as tables: an object a line, or one array of objects, read piece by piece."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any

from babelsift.pipelines.inputs.tables.text_lines import Lines

_CHUNK_CHARACTERS = 1 << 18
# An element of an array that is longer than this is no row.
_MAX_ELEMENT_CHARACTERS = 1 << 26
_BLANKS = " \t\r\n"
_LEADING_BLANKS = re.compile(f"[{_BLANKS}]*")
_ARRAY = re.compile(rf"[{_BLANKS}]*\[[{_BLANKS}]*[{{\]]")


class _RepeatedKey(dict):
    """An object in which a key has two values."""

    key: str


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Returns an object as a dict; where a key is there with several values, so that it can be told."""
    values = dict(pairs)
    if len(values) < len(pairs):
        repeated = next((key for key, value in pairs if values[key] != value), None)
        if repeated is not None:
            values = _RepeatedKey(values)
            values.key = repeated
    return values


_DECODER = json.JSONDecoder(object_pairs_hook=_object)
# Python makes no integer of more than 4300 digits of text: such a one stays text, and costs nothing beside it.
_LONG_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=lambda digits: int(digits) if len(digits) < _MAX_DIGITS else digits
)
_MAX_DIGITS = 4000


def _decode_line(line: str) -> object:
    try:
        return _DECODER.decode(line)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return _LONG_DECODER.decode(line)


def _decode_at(text: str, offset: int) -> tuple[object, int]:
    try:
        return _DECODER.raw_decode(text, offset)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return _LONG_DECODER.raw_decode(text, offset)


class NotJsonError(ValueError):
    """An array breaks off, or holds what is no JSON, so that its remaining rows cannot be told apart."""


class JsonRecords:
    """The rows of a JSON file: objects, or what is wrong with a row that is none. A blank line is no row.

    Args:
        text: the file's characters.
        may_be_array: whether it may be an array of objects; otherwise each line is a row.
    """

    def __init__(self, text: io.TextIOBase, *, may_be_array: bool) -> None:
        head = text.read(_CHUNK_CHARACTERS) if may_be_array else ""
        rest = _Rest(head, text)
        self._lines = None if _ARRAY.match(head) else Lines(rest, only_newlines=True)
        self._array = _Array(rest) if self._lines is None else None

    @property
    def characters(self) -> int:
        """How many have been read and made rows of."""
        return self._array.position if self._array is not None else self._lines.characters  # type: ignore[union-attr]

    def __iter__(self) -> Iterator[dict[str, Any] | str]:
        """Yields the rows.

        Raises:
            NotJsonError: an array's end cannot be reached.
        """
        if self._array is not None:
            yield from map(_record, self._array)
        else:
            assert self._lines is not None
            yield from _line_records(self._lines)


class _Rest(io.TextIOBase):
    """A text whose beginning has been read already."""

    def __init__(self, head: str, text: io.TextIOBase) -> None:
        super().__init__()
        self._head, self._text = head, text

    def read(self, size: int | None = -1, /) -> str:
        """Returns the characters that follow; fewer than asked for behind the beginning."""
        head, self._head = self._head, ""
        return head or self._text.read(size)


def _line_records(lines: Lines) -> Iterator[dict[str, Any] | str]:
    while batch := lines.take(1024):
        for line in batch:
            if not line.strip(_BLANKS + "\v\f"):
                continue
            try:
                value = _decode_line(line)
            except (ValueError, RecursionError) as error:
                yield f"not JSON: {error}"
            else:
                yield _record(value)


def _record(value: object) -> dict[str, Any] | str:
    if type(value) is dict:
        return value
    if isinstance(value, _RepeatedKey):
        return f"the key {value.key!r} is there twice, with two values"
    return f"a JSON {type(value).__name__} where an object is expected"


class _Array:
    """The elements of the array that a text is."""

    def __init__(self, text: io.TextIOBase) -> None:
        self._text = text
        self._buffer = ""
        self._offset = 0  # in the buffer
        self._passed = 0  # characters before the buffer
        self._elements = 0

    @property
    def position(self) -> int:
        """Characters of the text that have been passed."""
        return self._passed + self._offset

    def __iter__(self) -> Iterator[object]:
        self._expect("[")
        if self._mark() == "]":
            self._expect("]")
        else:
            yield self._element()
            while self._mark() == ",":
                self._expect(",")
                yield self._element()
            self._expect("]")
        if self._mark():
            raise self._error("more follows after the array")

    def _mark(self) -> str:
        """Returns the next character that is no blank; "" at the end."""
        while True:
            blanks = _LEADING_BLANKS.match(self._buffer, self._offset)
            assert blanks is not None
            self._offset = blanks.end()
            if self._offset < len(self._buffer):
                return self._buffer[self._offset]
            self._passed, self._offset = self._passed + len(self._buffer), 0
            self._buffer = self._text.read(_CHUNK_CHARACTERS)
            if not self._buffer:
                return ""

    def _expect(self, mark: str) -> None:
        if (found := self._mark()) != mark:
            raise self._error(f"expected {mark!r}, found {found!r}" if found else "the array breaks off")
        self._offset += 1

    def _element(self) -> object:
        if not self._mark():
            raise self._error("the array breaks off")
        while True:
            try:
                value, end = _decode_at(self._buffer, self._offset)
            except RecursionError as error:
                raise self._error("too deeply nested") from error
            except ValueError as error:
                if not self._read_on():
                    raise self._error(f"not JSON: {getattr(error, 'msg', error)}") from error
                continue
            if end == len(self._buffer) and self._read_on():
                continue  # a number may go on
            self._offset = end
            self._elements += 1
            return value

    def _read_on(self) -> bool:
        """Reads as much again as there is; whether there was more."""
        unread = self._buffer[self._offset :]
        if len(unread) > _MAX_ELEMENT_CHARACTERS:
            return False
        more = self._text.read(max(_CHUNK_CHARACTERS, len(unread)))
        self._passed, self._offset, self._buffer = self._passed + self._offset, 0, unread + more
        return bool(more)

    def _error(self, problem: str) -> NotJsonError:
        return NotJsonError(f"{problem} after {self._elements} elements, at character {self.position}")
