"""GIF: blocks; comments, applications' data and all frames but the first do not reach a decoder."""

from __future__ import annotations

import struct

from babelsift.filters.image.container.image_file import ImageFile, ImageHeader, KeptRanges, broken
from babelsift.filters.image.container.metadata import MetadataCollector

_MAX_BLOCKS = 100_000  # a thousand frames have two or three thousand
_MAX_SUB_BLOCKS = 1_000_000  # of all blocks together; each has at most 255 bytes
_EXTENSION, _FRAME, _TRAILER = 0x21, 0x2C, 0x3B
_GRAPHIC_CONTROL, _APPLICATION = 0xF9, 0xFF
_XMP, _C2PA = b"XMP DataXMP", b"C2PA_GIF\x01\0\0"
_XMP_TRAILER_BYTES = 258  # an XMP packet is no sub-blocks; who takes it for some falls through these to its end


def open_gif(body: bytes) -> ImageFile:
    """Returns a GIF taken apart. One that is cut short, even behind its first frame, keeps no trailer.

    Raises:
        ImageFailureError: more than 100 000 blocks, or than 1 000 000 sub-blocks.
    """
    width, height = struct.unpack_from("<HH", body, 6)
    kept, metadata, frames = KeptRanges(), MetadataCollector(), 0
    blocks = _Blocks(body, 13 + _table_bytes(body[10] if len(body) > 10 else 0))
    kept.keep(0, blocks.position)
    while (kind := blocks.kind()) in (_EXTENSION, _FRAME):
        start, end = blocks.position, blocks.skip()
        frames += kind == _FRAME
        if kind == _FRAME:
            if frames == 1:
                kept.keep(start, end)
        elif body[start + 1 : start + 2] != bytes([_GRAPHIC_CONTROL]):
            _collect(body, start, end, metadata)
        elif not frames:
            kept.keep(start, end)
    if kind is not None:  # the trailer, or what a decoder is to stumble upon
        kept.keep(blocks.position, blocks.position + 1)
    return ImageFile(ImageHeader("gif", width, height), kept.of(body), metadata.blocks())


class _Blocks:
    """A position among a file's blocks, which moves from one to the next a bounded number of times."""

    def __init__(self, body: bytes, position: int) -> None:
        self._body = body
        self.position = position
        self._blocks_left = _MAX_BLOCKS
        self._sub_blocks_left = _MAX_SUB_BLOCKS

    def kind(self) -> int | None:
        """The block's first byte; None at the end of the file."""
        return self._body[self.position] if self.position < len(self._body) else None

    def skip(self) -> int:
        """Moves behind a frame or an extension; returns the position there, at most the file's end."""
        self._blocks_left -= 1
        if self._blocks_left < 0:
            raise broken(f"gif of more than {_MAX_BLOCKS} blocks")
        position = self.position + 2
        if self.kind() == _FRAME:
            flags = self._body[self.position + 9]
            position = self.position + 10 + _table_bytes(flags) + 1
        body, end = self._body, len(self._body)
        sub_blocks = 0
        while position < end and (length := body[position]) and sub_blocks < self._sub_blocks_left:
            position += 1 + length
            sub_blocks += 1
        self._sub_blocks_left -= sub_blocks
        if self._sub_blocks_left <= 0:
            raise broken(f"gif of more than {_MAX_SUB_BLOCKS} sub-blocks")
        self.position = min(position + 1, end)
        return self.position


def _table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _collect(body: bytes, position: int, end: int, metadata: MetadataCollector) -> None:
    """Hands on an application's extension that holds metadata."""
    name, start = body[position + 3 : position + 14], position + 14
    if body[position + 1 : position + 3] != bytes([_APPLICATION, len(name)]):
        return
    if name == _XMP:
        metadata.add("xmp", body[start : max(start, end - _XMP_TRAILER_BYTES)])
    elif name == _C2PA:
        metadata.add("c2pa", _joined_sub_blocks(body, start, end))


def _joined_sub_blocks(body: bytes, position: int, end: int) -> bytes:
    parts = []
    while position < end and (length := body[position]):
        parts.append(body[position + 1 : position + 1 + length])
        position += 1 + length
    return b"".join(parts)
