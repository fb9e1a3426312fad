"""Text files as lines, whatever their encoding; bytes that are no characters come as lone surrogates in their line."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator

_CHUNK_CHARACTERS = 1 << 20
_LOOKED_AT_BYTES = 8  # of a name or a mark, which are ASCII in any alphabet
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ESCAPE = "babelsift-escape"
_NEWLINE, _ANY_END = re.compile("\n"), re.compile("[\r\n]")


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Stands a lone surrogate for the bytes that are no character."""
    assert isinstance(error, UnicodeDecodeError)
    return "\udc80", error.end


codecs.register_error(_ESCAPE, _escaped)


def encoding_of(head: bytes) -> str:
    """Returns the encoding of a text that begins with these bytes: by its mark, or by UTF-16's zeros; else UTF-8.

    >>> encoding_of("url".encode("utf-16")), encoding_of("url,".encode("utf-16-be")), encoding_of(b"url")
    ('utf-16', 'utf-16-be', 'utf-8')
    """
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding
    even, odd = head[:_LOOKED_AT_BYTES:2], head[1:_LOOKED_AT_BYTES:2]
    if len(odd) > 1 and not any(odd) and any(even):
        return "utf-16-le"
    if len(odd) > 1 and not any(even) and any(odd):
        return "utf-16-be"
    return "utf-8"


def open_text(content: io.BufferedReader) -> io.TextIOWrapper:
    """Returns a text file's characters, line ends as they are."""
    encoding = encoding_of(content.peek(_LOOKED_AT_BYTES)[:_LOOKED_AT_BYTES])
    errors = "surrogateescape" if encoding.startswith("utf-8") else _ESCAPE
    return io.TextIOWrapper(content, encoding, errors, newline="")


class Lines:
    """The lines of a text, with their ends, read ahead as far as is asked for.

    Args:
        text: characters, line ends as they are.
        only_newlines: a line ends at a newline alone, as JSON lines do; otherwise at a carriage return, too.
        max_characters: of a longer line only so many are kept.

    Attributes:
        position: number of the next line, from 0.
        characters: of the lines that were taken.
        delimiter: of fields, where a line before these says it.
    """

    def __init__(self, text: io.TextIOBase, *, only_newlines: bool = False, max_characters: int = 1 << 24) -> None:
        self._chunks = _line_chunks(text, "\n" if only_newlines else "", max_characters)
        self._lines: list[str] = []
        self._start = 0
        self.position = 0
        self.characters = 0
        self.delimiter: str | None = None

    def peek(self, index: int) -> str | None:
        """Returns the line `index` lines after the next one; None where there is none."""
        while self._start + index >= len(self._lines):
            if not self._read_ahead():
                return None
        return self._lines[self._start + index]

    def take(self, most: int) -> list[str]:
        """Returns the next lines, at most so many; none at the end."""
        if self.peek(most - 1) is None:
            most = len(self._lines) - self._start
        lines = self._lines[self._start : self._start + most]
        self.skip(most)
        self.characters += sum(map(len, lines))
        return lines

    def skip(self, lines: int) -> None:
        """Goes on so many lines, or back to lines that the last `take` returned."""
        self._start += lines
        self.position += lines

    def _read_ahead(self) -> bool:
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        self._lines = self._lines[self._start :] + chunk
        self._start = 0
        return True


def _line_chunks(text: io.TextIOBase, newline: str, max_characters: int) -> Iterator[list[str]]:
    """Yields lists of whole lines."""
    rest = ""
    end = _NEWLINE if newline else _ANY_END
    while chunk := text.read(_CHUNK_CHARACTERS):
        if len(rest) >= max_characters:  # what follows of the line is not kept, nor put together anew each time
            found = end.search(chunk)
            if found is None:
                continue
            rest, chunk = rest[:max_characters], chunk[found.start() :]
        lines = io.StringIO(rest + chunk, newline=newline).readlines()
        # A carriage return may be the first half of the line's end.
        rest = "" if lines[-1].endswith("\n") else lines.pop()
        if lines:
            yield lines
    if rest:
        yield [rest]


def without_end(line: str) -> str:
    """Returns a line without the characters that end it."""
    if line.endswith("\r\n"):
        return line[:-2]
    return line[:-1] if line.endswith(("\n", "\r")) else line
