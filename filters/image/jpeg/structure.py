"""A JPEG's marker segments as a decoder of its entropy-coded data needs them: frame, scans, Huffman tables.

Source: ITU-T T.81 (1992), annex B.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property

DHT, EOI, SOS, DRI = 0xC4, 0xD9, 0xDA, 0xDD
SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
END_OF_IMAGE = b"\xff\xd9"
SEQUENTIAL = frozenset({0xC0, 0xC1})
PROGRESSIVE = 0xC2
ZERO_RUN_BYTES = 64  # as many zeros in a row are a hole, where they stand for coefficients and not for flat blocks
_ALONE = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})  # markers without a segment, and what is none
_MAX_COMPONENTS, _MAX_SAMPLING = 4, 4


class NotFollowedError(Exception):
    """A JPEG whose structure is not one that is followed here; whether it can be decoded, the decoder says."""


@dataclass(frozen=True)
class Component:
    """A component of a frame: its identifier, and its samples a unit of the coarsest, across and down."""

    identifier: int
    across: int
    down: int


@dataclass(frozen=True)
class Frame:
    """A frame header.

    Attributes:
        marker: SOF0, SOF1 or SOF2.
        width: px.
        height: px.
        components: in the frame's order.
    """

    marker: int
    width: int
    height: int
    components: tuple[Component, ...]

    @cached_property
    def across(self) -> int:
        """The most samples a unit that a component has across."""
        return max(component.across for component in self.components)

    @cached_property
    def down(self) -> int:
        """The most samples a unit that a component has down."""
        return max(component.down for component in self.components)

    def blocks(self, index: int) -> tuple[int, int]:
        """Returns how many blocks of 8x8 samples a component alone has, across and down."""
        component = self.components[index]
        return (
            -(-self.width * component.across // (8 * self.across)),
            -(-self.height * component.down // (8 * self.down)),
        )

    def units(self) -> int:
        """Returns how many units (MCUs) a scan of several components has."""
        return -(-self.width // (8 * self.across)) * -(-self.height // (8 * self.down))


@dataclass(frozen=True)
class Scan:
    """A scan header.

    Attributes:
        components: for each of the scan's components its index in the frame, its DC table's number, its AC table's.
        first: the first coefficient, 0 to 63, in zigzag order.
        last: the last one.
        bits_before: of a refinement, how many low bits lacked before it; 0: the scan is the first of its coefficients.
        bits_after: how many low bits lack after it.
    """

    components: tuple[tuple[int, int, int], ...]
    first: int
    last: int
    bits_before: int
    bits_after: int


def next_segment(body: bytes, position: int) -> tuple[int, bytes, int] | None:
    """Returns (marker, content, position behind it) of the first segment from a position on; None where there is none.

    Raises:
        struct.error: it is cut short.
    """
    while True:
        at = body.find(b"\xff", position)
        while 0 <= at < len(body) and body[at] == 0xFF:
            at += 1
        if not 0 < at < len(body):
            return None
        marker, position = body[at], at + 1
        if marker == EOI:
            return marker, b"", position
        if marker not in _ALONE:
            (length,) = struct.unpack_from(">H", body, position)
            return marker, body[position + 2 : position + length], position + max(length, 2)


def parse_frame(marker: int, content: bytes) -> Frame:
    """Returns the frame of a SOF segment.

    Raises:
        NotFollowedError: not Huffman-coded with 8 bits a sample, or against the standard.
    """
    if marker not in (*SEQUENTIAL, PROGRESSIVE) or len(content) < 6:
        raise NotFollowedError
    precision, height, width, count = struct.unpack_from(">BHHB", content)
    parts = content[6 : 6 + 3 * count]
    if precision != 8 or not 1 <= count <= _MAX_COMPONENTS or len(parts) != 3 * count or not width or not height:
        raise NotFollowedError
    components = tuple(Component(parts[at], parts[at + 1] >> 4, parts[at + 1] & 15) for at in range(0, 3 * count, 3))
    if not all(1 <= factor <= _MAX_SAMPLING for part in components for factor in (part.across, part.down)):
        raise NotFollowedError
    return Frame(marker, width, height, components)


def parse_scan(frame: Frame, content: bytes) -> Scan:
    """Returns the scan of a SOS segment.

    Raises:
        NotFollowedError: it names components that the frame has not, or coefficients that there are not.
    """
    count = content[0] if content else 0
    if not 1 <= count <= len(frame.components) or len(content) < 4 + 2 * count:
        raise NotFollowedError
    order = [component.identifier for component in frame.components]
    components = []
    for at in range(1, 1 + 2 * count, 2):
        if content[at] not in order:
            raise NotFollowedError
        components.append((order.index(content[at]), content[at + 1] >> 4, content[at + 1] & 15))
    first, last, bits = content[1 + 2 * count : 4 + 2 * count]
    if frame.marker != PROGRESSIVE:
        first, last, bits = 0, 63, 0
    elif not first <= last <= 63 or (first == 0) != (last == 0) or (first and count > 1):
        raise NotFollowedError
    return Scan(tuple(components), first, last, bits >> 4, bits & 15)


def parse_tables(content: bytes) -> dict[int, bytes]:
    """Returns the Huffman tables of a DHT segment: {class * 16 + number: 16 counts and the symbols}.

    Raises:
        NotFollowedError: a table that is cut short or has more symbols than there are.
    """
    tables, position = {}, 0
    while position < len(content):
        counts = content[position + 1 : position + 17]
        end = position + 17 + sum(counts)
        if len(counts) < 16 or sum(counts) > 256 or end > len(content):
            raise NotFollowedError
        tables[content[position]] = content[position + 1 : end]
        position = end
    return tables
