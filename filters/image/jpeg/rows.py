"""Whether a JPEG's data have all the rows that its header promises.

libjpeg, where data end early or cannot be read, prints a line, fills the rest of the image with grey and goes on. Here
the entropy-coded data are read once more, without decoding a value, and what lacks is counted.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np

from babelsift.filters.image.jpeg.coverage import Coverage
from babelsift.filters.image.jpeg.huffman import stacked_tables
from babelsift.filters.image.jpeg.structure import (
    DHT,
    DRI,
    END_OF_IMAGE,
    EOI,
    PROGRESSIVE,
    SOF,
    SOS,
    NotFollowedError,
    Scan,
    next_segment,
    parse_frame,
    parse_scan,
    parse_tables,
)

_MAX_SEGMENTS = 10_000
_SPARE_INTERVALS = 1024  # what damage may have made more of them
_NO_BLOCKS = np.zeros(0, np.uint64)
_Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # clean bytes, words, ends, owners


@dataclass(frozen=True)
class JpegRows:
    """What a JPEG's data have of the rows that its header promises.

    Attributes:
        missing: share of the image's rows whose data are missing or damaged, 0 to 1.
        has_end: whether the data are followed by the marker that ends an image.
    """

    missing: float
    has_end: bool


def count_rows(body: bytes) -> JpegRows | None:
    """Returns which of its rows a JPEG has; None where it is coded in a way that is not followed here.

    Followed are the Huffman-coded sequential and progressive JPEGs of 8 bits, which is all that the web has. Of several
    scans the one that lacks most counts; of a progressive JPEG that lacks a scan all rows are missing.

    Args:
        body: a JPEG, from its first marker on.
    """
    try:
        return _Reader(body).read()
    except (NotFollowedError, struct.error, IndexError):
        return None


@dataclass
class _Reader:
    """Reads one file from marker to marker, and over each scan's data."""

    body: bytes
    tables: dict[int, bytes] = field(default_factory=dict)
    restart_units: int = 0
    coverage: Coverage | None = None
    missing: float = 0.0

    def read(self) -> JpegRows:
        """Reads the whole file."""
        position, has_end = 2, False
        for _ in range(_MAX_SEGMENTS):
            segment = next_segment(self.body, position)
            if segment is None:
                break
            marker, content, position = segment
            if marker == EOI:
                has_end = True
                break
            if marker != SOS:
                self._take(marker, content)
                continue
            position = self._walk(position, content)
            if self.coverage and self.coverage.is_in_one_scan():
                has_end = self.body.find(END_OF_IMAGE, position) >= 0
                break
        if self.coverage is None:
            raise NotFollowedError
        return JpegRows(self.missing if self.coverage.is_complete() else 1.0, has_end)

    def _take(self, marker: int, content: bytes) -> None:
        if marker == DHT:
            self.tables |= parse_tables(content)
        elif marker == DRI:
            (self.restart_units,) = struct.unpack_from(">H", content)
        elif marker in SOF and self.coverage is None:
            self.coverage = Coverage(parse_frame(marker, content))

    def _walk(self, position: int, header: bytes) -> int:
        """Reads a scan's data; returns where the next marker is."""
        if self.coverage is None:
            raise NotFollowedError
        scan, position = parse_scan(self.coverage.frame, header), min(position, len(self.body))
        units, blocks_a_unit = self.coverage.units(scan)
        interval = self.restart_units or units
        data, after = _entropy_coded(self.body, position, -(-units // interval), bool(self.restart_units))
        if scan.first == 0 and scan.bits_before:  # a bit a block
            bits = np.diff(data[2], prepend=0)[data[3]] * 8 * (data[3] >= 0)
            lacking = units - int(np.minimum(bits // blocks_a_unit, interval).sum())
            surplus = 0
        else:
            lacking, surplus = self._walk_codes(scan, data, (units, interval))
        self.missing = max(self.missing, lacking / units, surplus / max(1, after - position))
        self.coverage.add(scan)
        return after

    def _walk_codes(self, scan: Scan, data: _Data, units: tuple[int, int]) -> tuple[int, int]:
        from babelsift.filters.image.jpeg import kernels  # and with it numba, which only who decodes needs

        coverage = self.coverage
        assert coverage is not None
        is_sequential = coverage.frame.marker != PROGRESSIVE
        numbers, layout = coverage.layout(scan)
        if is_sequential:
            kind = kernels.SEQUENTIAL
        elif scan.first == 0:
            kind = kernels.FIRST_DC
        else:
            kind = kernels.MORE_AC if scan.bits_before else kernels.FIRST_AC
        non_zero = coverage.non_zero(scan) if kind in (kernels.FIRST_AC, kernels.MORE_AC) else _NO_BLOCKS
        if not all(number in self.tables for number in numbers):
            raise NotFollowedError
        tables = stacked_tables(tuple(self.tables[number] for number in numbers))
        return kernels.walk_scan(kind, data, units, tables, layout, (scan.first, scan.last), non_zero)


def _entropy_coded(body: bytes, position: int, intervals: int, has_restarts: bool) -> tuple[_Data, int]:
    """Returns a scan's data as `kernels.walk_scan` takes them, and where the next marker is."""
    from babelsift.filters.image.jpeg import intervals as loops

    clean = np.empty((len(body) - position + loops.PADDING_BYTES + 8) // 8 * 8, np.uint8)
    ends, restarts = np.zeros(intervals + _SPARE_INTERVALS, np.int64), np.zeros(intervals + _SPARE_INTERVALS, np.int64)
    count, after = loops.unstuff(np.frombuffer(body, np.uint8), position, has_restarts, clean, ends, restarts)
    owners = np.empty(intervals, np.int64)
    loops.match_intervals(restarts, count, owners)
    words = clean[: (ends[count - 1] + loops.PADDING_BYTES) // 8 * 8].view(">u8").astype(np.uint64)
    return (clean, words, ends, owners), after
