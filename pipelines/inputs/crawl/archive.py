"""Records of a WARC or WAT file: a damaged one costs itself alone, wherever the next one begins."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from babelsift.schemas import InputError, one_line

if TYPE_CHECKING:
    from fastwarc.warc import WarcRecord

# A longer record is none that a page makes; Common Crawl cuts its own at 1 MB.
MAX_RECORD_BYTES = 1 << 25
_MEMBER = b"\x1f\x8b\x08"
_VERSION = b"WARC/"
_LOOKED_AT_BYTES = 1 << 12
_SEARCHED_BYTES = 1 << 20
_PLAIN_RECORD = re.compile(rb"\nWARC/[0-9]\.[0-9]\r?\n")


@dataclass(frozen=True)
class Record:
    """A record that is wanted, with its content.

    Attributes:
        header: its WARC and HTTP headers, as fastwarc has them.
        offset: bytes from the file's beginning; of a file that is compressed as a whole, those of its only member.
        content: its payload: a response's body, or the block of any other record.
    """

    header: WarcRecord
    offset: int
    content: bytes


@dataclass(frozen=True)
class DamagedRecord:
    """A record, or bytes between two, that cannot be read."""

    offset: int
    problem: str


def read_records(
    file: BinaryIO,
    *,
    wanted: Callable[[WarcRecord], bool],
    max_record_bytes: int = MAX_RECORD_BYTES,
) -> Iterator[Record | DamagedRecord]:
    """Yields the records of a file, in their order.

    Args:
        file: seekable; a WARC file, plain or compressed by records or as a whole.
        wanted: whether a record's content is read, by its headers; may parse its HTTP headers.
        max_record_bytes: of a content; a longer one is not read.
    Raises:
        InputError: the package that reads WARC files is missing, or the file system does not give the file.
    """
    walk = _Walk(file, wanted, max_record_bytes)
    start: int | None = 0
    while start is not None:
        yield from walk.records_from(start)
        start = walk.next_start


class _Walk:
    """Walks from record to record; where one is damaged, `next_start` is where another walk begins."""

    def __init__(self, file: BinaryIO, wanted: Callable[[WarcRecord], bool], max_record_bytes: int) -> None:
        self._file = file
        self._wanted = wanted
        self._max_record_bytes = max_record_bytes
        self._is_gzip: bool | None = None
        self.next_start: int | None = None

    def records_from(self, start: int) -> Iterator[Record | DamagedRecord]:
        self.next_start = None
        offset, passed = start, 0
        try:
            for header in self._headers(start):
                offset, passed = start + header.stream_pos, passed + 1
                if not len(header.headers):
                    yield DamagedRecord(offset, "the file breaks off")
                    return
                if header.content_length > self._max_record_bytes:
                    # Its length may be a lie, so that the next record is looked for, not counted off.
                    most = self._max_record_bytes
                    yield DamagedRecord(offset, f"a record of {header.content_length} bytes, more than {most}")
                    self.next_start = self._record_after(offset)
                    return
                if not self._wanted(header):
                    continue
                length = header.content_length
                content = header.reader.read(length) if length else b""
                if len(content) < length:
                    yield DamagedRecord(offset, f"cut: {len(content)} of its {length} bytes are there")
                    self.next_start = self._record_after(offset)
                    return
                yield Record(header, offset, content)
        except (OSError, ValueError) as error:
            # What the file system raises is an InputError: this is the content's.
            self.next_start = self._record_after(offset)
            end = self._member_end(offset) if passed else None
            if end is None:
                yield DamagedRecord(offset, f"damaged{' behind this record' if passed else ''}: {one_line(error)}")
            else:
                self.next_start = end  # behind the last record that was whole: another walk says what is wrong there

    def _headers(self, start: int) -> Iterator[WarcRecord]:
        try:
            from fastwarc.warc import ArchiveIterator
        except ImportError as error:
            raise InputError("WARC and WAT files need fastwarc: pip install 'babelsift[crawl]'") from error
        self._file.seek(start)
        yield from ArchiveIterator(self._file, parse_http=False)

    def _member_end(self, offset: int) -> int | None:
        """Returns where the gzip member at an offset ends; None where there is none, or it is damaged itself."""
        self._file.seek(offset)
        unzip = zlib.decompressobj(wbits=31)
        position = offset
        try:
            while not unzip.eof:
                chunk = self._file.read(_SEARCHED_BYTES)
                if not chunk:
                    return None
                position += len(chunk)
                left = chunk
                while left and not unzip.eof:
                    unzip.decompress(left, _SEARCHED_BYTES)
                    left = unzip.unconsumed_tail
        except zlib.error:
            return None
        return position - len(unzip.unused_data)

    def _record_after(self, offset: int) -> int | None:
        """Returns where the first record begins that lies behind an offset; None where there is none."""
        if self._is_gzip is None:
            self._file.seek(0)
            self._is_gzip = self._file.read(len(_MEMBER)) == _MEMBER
        position, overlap = offset + 1, b""
        self._file.seek(position)
        while chunk := self._file.read(_SEARCHED_BYTES):
            window = overlap + chunk
            base = position - len(overlap)
            for found in self._candidates(window):
                if not self._is_gzip or self._begins_record(base + found):
                    return base + found
            position += len(chunk)
            self._file.seek(position)
            overlap = window[-16:]
        return None

    def _candidates(self, window: bytes) -> Iterator[int]:
        if self._is_gzip:
            found = window.find(_MEMBER)
            while found >= 0:
                yield found
                found = window.find(_MEMBER, found + 1)
        else:
            for match in _PLAIN_RECORD.finditer(window):
                yield match.start() + 1

    def _begins_record(self, offset: int) -> bool:
        self._file.seek(offset)
        head = self._file.read(_LOOKED_AT_BYTES)
        try:
            return zlib.decompressobj(wbits=31).decompress(head, len(_VERSION)) == _VERSION
        except zlib.error:
            return False


def buffered(source: io.RawIOBase) -> io.BufferedReader:
    """Returns a file as `read_records` takes it."""
    return io.BufferedReader(source, _SEARCHED_BYTES)
