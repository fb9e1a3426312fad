"""The blocks of metadata in a JPEG's segments, put together where they are spread over several.

Source: XMP Specification Part 3 (2020), section 1.1.3; ISO/IEC 19566-5 (2023), annex D, for JUMBF in APP11.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from babelsift.filters.image.container.metadata import MAX_BLOCK_BYTES, MetadataBlocks, MetadataCollector

_APP1, _APP11, _APP13 = 0xE1, 0xEB, 0xED
_EXIF = b"Exif\0\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_FURTHER_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_C2PA_TYPE = b"c2pa"  # the first four bytes of the type in the box's description
_MAX_SPREAD_BYTES = 2 * MAX_BLOCK_BYTES  # of segments that are to be put together, of each kind


@dataclass
class _Spread:
    """Pieces of one kind, up to a bound; what is over it is counted and not kept."""

    pieces: list[tuple[int, int, bytes]] = field(default_factory=list)
    size: int = 0

    def add(self, group: int, order: int, piece: bytes) -> None:
        self.size += len(piece)
        if self.size <= _MAX_SPREAD_BYTES:
            self.pieces.append((group, order, piece))


class JpegMetadata:
    """Collects the blocks of a JPEG, segment by segment."""

    def __init__(self) -> None:
        self._blocks = MetadataCollector()
        self._photoshop, self._jumbf, self._xmp = _Spread(), _Spread(), _Spread()
        self._further_xmp_of: bytes | None = None

    def add(self, marker: int, content: bytes) -> None:
        """Takes what a segment has of metadata."""
        if marker == _APP1 and content.startswith(_EXIF):
            self._blocks.add("exif", content)
        elif marker == _APP1 and content.startswith(_XMP):
            self._blocks.add("xmp", content[len(_XMP) :])
        elif marker == _APP1 and content.startswith(_FURTHER_XMP):
            self._add_further_xmp(content[len(_FURTHER_XMP) :])
        elif marker == _APP13 and content.startswith(_PHOTOSHOP):
            self._photoshop.add(0, len(self._photoshop.pieces), content[len(_PHOTOSHOP) :])
        elif marker == _APP11 and content.startswith(b"JP") and len(content) > 16:
            box, order = struct.unpack_from(">HI", content, 2)
            self._jumbf.add(box, order, content[8:])

    def blocks(self) -> MetadataBlocks:
        """Returns what was collected."""
        if self._photoshop.pieces:
            self._blocks.add_photoshop(b"".join(piece for _, _, piece in self._photoshop.pieces))
        if self._xmp.pieces:
            self._blocks.add_further_xmp(b"".join(piece for _, _, piece in sorted(self._xmp.pieces)))
        for manifest in self._manifests():
            self._blocks.add("c2pa", manifest)
        return self._blocks.blocks()

    def _add_further_xmp(self, content: bytes) -> None:
        """A piece: 32 digits that name the whole, its length, the piece's offset, the piece."""
        if len(content) > 40 and self._further_xmp_of in (None, content[:32]):
            self._further_xmp_of = content[:32]
            self._xmp.add(0, struct.unpack_from(">I", content, 36)[0], content[40:])

    def _manifests(self) -> list[bytes]:
        """The JUMBF boxes that are C2PA's; of each piece but the first the repeated box header is taken off."""
        boxes: dict[int, list[bytes]] = {}
        for box, _, piece in sorted(self._jumbf.pieces):
            repeated = 0 if box not in boxes else 16 if piece[:4] == b"\0\0\0\1" else 8
            boxes.setdefault(box, []).append(piece[repeated:])
        whole = (b"".join(pieces) for pieces in boxes.values())
        return [box for box in whole if box[4:8] == b"jumb" and box[12:16] == b"jumd" and box[16:20] == _C2PA_TYPE]
