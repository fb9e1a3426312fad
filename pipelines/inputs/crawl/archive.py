"""Records of a WARC or WAT file: a damaged one costs itself alone, wherever the next one begins."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from babelsift.pipelines.inputs.crawl.record_finder import RecordFinder
from babelsift.pipelines.storage.seekable_file import SeekableFile
from babelsift.schemas import InputError, one_line

if TYPE_CHECKING:
    from fastwarc.warc import WarcRecord

# A longer record is none that a page makes; Common Crawl cuts its own at 1 MB.
MAX_RECORD_BYTES = 1 << 25
_BUFFER_BYTES = 1 << 20
_SECOND = 2
_LENGTH = "Content-Length"
_BREAKS_OFF = "the file breaks off"


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
        file: seekable; a WARC file, plain, or compressed with gzip or zstd by records or as a whole.
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
        self._finder = RecordFinder(file)
        self._is_one_member = False
        self.next_start: int | None = None

    def records_from(self, start: int) -> Iterator[Record | DamagedRecord]:
        self.next_start = None
        finder, place, offset, length, passed = self._finder, start, start, 0, 0
        try:
            for header, place in self._headers(start):
                passed += 1
                if passed == _SECOND and not finder.begins_member(place):
                    self._is_one_member = True  # its records have no places of their own
                offset, length = start if self._is_one_member else place, header.content_length
                if not length and _LENGTH not in header.headers:
                    yield DamagedRecord(offset, f"its headers break off: it has no {_LENGTH}")
                    self.next_start = finder.after(place)
                    return
                if length > self._max_record_bytes:
                    # Its length may be a lie, so that the next record is looked for, not counted off.
                    yield DamagedRecord(offset, f"a record of {length} bytes, more than {self._max_record_bytes}")
                    self.next_start = finder.after(place)
                    return
                if not self._wanted(header):
                    continue
                left = header.content_length  # without its HTTP headers, if those were parsed
                content = header.reader.read(left) if left else b""
                if len(content) < left:
                    yield DamagedRecord(offset, f"cut: {len(content)} of its {left} bytes are there")
                    self.next_start = finder.after(place)
                    return
                yield Record(header, offset, content)
        except (OSError, ValueError) as error:
            # What the file system raises is an InputError: this is the content's.
            self.next_start = finder.after(place)
            end = finder.end_of(place, length) if passed else None
            if end is None:
                yield DamagedRecord(offset, f"damaged{' behind this record' if passed else ''}: {one_line(error)}")
            else:
                self.next_start = end  # behind the last record that was whole: another walk says what is wrong there
        else:
            # Where no more than the beginning of a header is left, the records end as if nothing were.
            if self._is_one_member:
                is_whole = finder.are_whole_from(start)
            else:
                end = finder.end_of(place, length) if passed else start
                is_whole = end is not None and finder.has_only_blanks(end)
                offset = end or offset
            if not is_whole:
                yield DamagedRecord(offset, _BREAKS_OFF)

    def _headers(self, start: int) -> Iterator[tuple[WarcRecord, int]]:
        """Yields (a record whose content is not read yet, its place or that of its last bytes read)."""
        try:
            from fastwarc.warc import ArchiveIterator
        except ImportError as error:
            raise InputError("WARC and WAT files need fastwarc: pip install 'babelsift[crawl]'") from error
        dictionary = self._finder.dictionary_frame if start else b""
        if dictionary:
            content: BinaryIO = io.BufferedReader(_Prefixed(dictionary, self._file, start))
            shift = start - len(dictionary)
        else:
            content, shift = self._file, 0
            content.seek(start)
        for header in ArchiveIterator(content, parse_http=False):
            yield header, header.stream_pos + shift


class _Prefixed(SeekableFile):
    """A file from a place on, behind other bytes."""

    def __init__(self, before: bytes, file: BinaryIO, place: int) -> None:
        super().__init__()
        self._before, self._file, self._place = before, file, place

    @property
    def size(self) -> int:
        return len(self._before) + self._file.seek(0, io.SEEK_END) - self._place

    def readinto(self, buffer: Any) -> int:
        content = self._before[self.position : self.position + len(buffer)]
        if not content:
            self._file.seek(self._place + self.position - len(self._before))
            content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        self.position += len(content)
        return len(content)


def buffered(source: io.RawIOBase) -> io.BufferedReader:
    """Returns a file as `read_records` takes it."""
    return io.BufferedReader(source, _BUFFER_BYTES)
