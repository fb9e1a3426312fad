"""Where records begin and end in a WARC file, to go on behind a damaged one: plain ones, gzip members, zstd frames."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO

import zstandard

_VERSION = b"WARC/"
_SEARCHED_BYTES = 1 << 20
_OVERLAP_BYTES = 16  # what a record begins with is shorter
# A gzip member shows its first bytes at once, a zstd frame at the end of its first block, of 128 KB at the most.
_LOOKED_AT_BYTES = 1 << 18
_STEP_BYTES, _FIRST_BYTES = 1 << 12, 1 << 6
_MAX_HEADER_BYTES = 1 << 16
_MAX_DICTIONARY_BYTES = 1 << 25
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_PLAIN = re.compile(rb"(?<=\n)WARC/[0-9]\.[0-9]\r?\n")
_GZIP = re.compile(rb"\x1f\x8b\x08")
_ZSTD = re.compile(rb"\x28\xb5\x2f\xfd")
_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
_DICTIONARY = b"\x5d\x2a\x4d\x18"
_BROKEN = (zlib.error, zstandard.ZstdError)


@dataclass(frozen=True)
class _Packing:
    """How records are packed.

    Attributes:
        beginning: what each begins with.
        decompressor: makes what unpacks one; None: they are plain.
    """

    beginning: re.Pattern[bytes]
    decompressor: Callable[[], Any] | None


class RecordFinder:
    """Finds where records begin and end.

    Args:
        file: seekable; its position is lost by each call.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    @cached_property
    def dictionary_frame(self) -> bytes:
        """The frame with the dictionary that all records of a zstd file need, at its beginning; empty: it has none."""
        self._file.seek(0)
        magic, size = self._file.read(4), self._file.read(4)
        if magic != _DICTIONARY or len(size) < 4 or (length := int.from_bytes(size, "little")) > _MAX_DICTIONARY_BYTES:
            return b""
        content = self._file.read(length)
        return magic + size + content if len(content) == length else b""

    def after(self, offset: int) -> int | None:
        """Returns where the first record begins that lies behind an offset; None where there is none."""
        position, overlap = offset + 1, b""
        self._file.seek(position)
        while chunk := self._file.read(_SEARCHED_BYTES):
            window = overlap + chunk
            base = position - len(overlap)
            for place, packing in self._beginnings(window):
                if base + place > offset and self._begins_record(base + place, packing):
                    return base + place
            position += len(chunk)
            self._file.seek(position)
            overlap = window[-_OVERLAP_BYTES:]
        return None

    def end_of(self, place: int, content_length: int) -> int | None:
        """Returns where the record ends that begins at a place; None where it is cut or damaged, or none begins there.

        Args:
            place: where it begins.
            content_length: as a plain record's headers say it.
        """
        if not self._is_plain(place):
            return self._end_of_member(place)
        self._file.seek(place)
        blank = _BLANK_LINE.search(self._file.read(_MAX_HEADER_BYTES))
        end = place + blank.end() + content_length if blank else None
        return end if end is not None and end <= self.size else None

    def are_whole_from(self, start: int) -> bool:
        """Returns whether nothing but whole members follows from a place on."""
        end: int | None = start
        while end is not None and not self.has_only_blanks(end):
            end = self._end_of_member(end)
        return end is not None

    def begins_member(self, place: int) -> bool:
        """Returns whether a record, plain or packed, may begin at a place; leaves the file's position."""
        position = self._file.tell()
        begins = self._is_plain(place) or self._member_at(place) is not None
        self._file.seek(position)
        return begins

    def _is_plain(self, place: int) -> bool:
        self._file.seek(place)
        return self._file.read(len(_VERSION)) == _VERSION

    def _member_at(self, place: int) -> Any:
        """Returns what unpacks the member that begins at a place; None where none does."""
        self._file.seek(place)
        head = self._file.read(_OVERLAP_BYTES)
        packed = (each for each in self._packings if each.decompressor is not None and each.beginning.match(head))
        return next((packing.decompressor() for packing in packed if packing.decompressor is not None), None)

    @cached_property
    def size(self) -> int:
        """Bytes."""
        return self._file.seek(0, 2)

    def has_only_blanks(self, offset: int) -> bool:
        """Returns whether nothing but line ends and zeros is there from an offset on."""
        self._file.seek(offset)
        while chunk := self._file.read(_SEARCHED_BYTES):
            if chunk.strip(b"\r\n\0"):
                return False
        return True

    @cached_property
    def _packings(self) -> tuple[_Packing, ...]:
        """Those that the file's beginning may have: of a beginning that is damaged, all."""
        every = (
            _Packing(_GZIP, lambda: zlib.decompressobj(wbits=31)),
            _Packing(_ZSTD, self._zstd_decompressor().decompressobj),
            _Packing(_PLAIN, None),
        )
        self._file.seek(0)
        head = self._file.read(len(_VERSION))
        if head == _VERSION:
            return every[2:]
        if _GZIP.match(head):
            return every[:1]
        return every[1:2] if _ZSTD.match(head) or _SKIPPABLE.match(head) else every

    def _zstd_decompressor(self) -> zstandard.ZstdDecompressor:
        dictionary = self.dictionary_frame[8:]
        if _ZSTD.match(dictionary):
            unpacked = zstandard.ZstdDecompressor().decompressobj(read_across_frames=False)
            try:
                dictionary = unpacked.decompress(dictionary)
            except zstandard.ZstdError:
                dictionary = b""
        return zstandard.ZstdDecompressor(dict_data=zstandard.ZstdCompressionDict(dictionary) if dictionary else None)

    def _beginnings(self, window: bytes) -> Iterator[tuple[int, _Packing]]:
        places = ((match.start(), each) for each in self._packings for match in each.beginning.finditer(window))
        return iter(sorted(places, key=lambda place: place[0]))

    def _begins_record(self, offset: int, packing: _Packing) -> bool:
        if packing.decompressor is None:
            return True
        unpack = packing.decompressor()
        self._file.seek(offset)
        first, read = b"", 0
        try:
            while len(first) < len(_VERSION) and read < _LOOKED_AT_BYTES and (head := self._file.read(_FIRST_BYTES)):
                first = (first + unpack.decompress(head))[: len(_VERSION)]
                read += len(head)
        except _BROKEN:
            return False
        return first == _VERSION

    def _end_of_member(self, start: int) -> int | None:
        unpack = self._member_at(start)
        if unpack is None:
            return self._end_of_skippable(start)
        position = start
        self._file.seek(start)
        try:
            while not unpack.eof:
                chunk = self._file.read(_STEP_BYTES)
                if not chunk:
                    return None
                position += len(chunk)
                unpack.decompress(chunk)
        except _BROKEN:
            return None
        return position - len(unpack.unused_data)

    def _end_of_skippable(self, start: int) -> int | None:
        self._file.seek(start)
        head = self._file.read(8)
        if not _SKIPPABLE.match(head) or len(head) < 8:
            return None
        end = start + len(head) + int.from_bytes(head[4:], "little")
        return end if end <= self.size else None
