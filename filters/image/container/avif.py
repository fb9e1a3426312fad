"""AVIF: boxes and items; what is no pixels stays in the file, which refers to itself by positions, but is counted."""

from __future__ import annotations

import struct

from babelsift.filters.image.container import av1
from babelsift.filters.image.container.image_file import ImageFile, ImageHeader, broken
from babelsift.filters.image.container.iso_media import Item, boxes, find_box, first_samples, items
from babelsift.filters.image.container.metadata import MetadataBlocks, MetadataCollector

_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_XMP_TYPE = b"application/rdf+xml"
# A picture, its transparency, a thumbnail, a gain map, in a few layers: so many times the pixels of the largest.
_MAX_FRAME_PIXELS = 8
# (anticlockwise quarter turns, mirror axis or None) -> EXIF orientation; HEIF turns first, then mirrors
_ORIENTATIONS = {
    (0, None): 1,
    (0, 1): 2,
    (2, None): 3,
    (0, 0): 4,
    (1, 0): 5,
    (3, None): 6,
    (3, 0): 7,
    (1, None): 8,
    (2, 0): 2,
    (2, 1): 4,
    (1, 1): 7,
    (3, 1): 5,
}


def open_avif(body: bytes) -> ImageFile:
    """Returns an AVIF and its metadata.

    Raises:
        ImageFailureError: boxes are missing or too many, or it has more frames, or larger ones, than its size explains.
    """
    meta = find_box(body, 0, len(body), b"meta")
    if meta is None:
        raise broken("avif without meta")
    inside = meta[0] + 4, meta[1]
    header = _header(body, *inside)
    pieces = items(body, *inside)
    moov = find_box(body, 0, len(body), b"moov")
    pixels, most = 0, _MAX_FRAME_PIXELS * header.width * header.height
    for piece in [*pieces, *(first_samples(body, *moov) if moov else ())]:
        if piece.kind == b"av01":
            pixels += av1.frame_pixels(piece.content(body))
        if pixels > most > 0:
            raise broken(f"avif of {header.width}x{header.height} px with frames of more than {most} px")
    return ImageFile(header, body, _metadata(body, pieces))


def _header(body: bytes, start: int, end: int) -> ImageHeader:
    properties = find_box(body, start, end, b"iprp", b"ipco")
    if properties is None:
        raise broken("avif without properties")
    width = height = turns = 0
    mirror = None
    for kind, inner, after in boxes(body, *properties):
        if kind == b"ispe" and after - inner >= 12:
            # a grid's tiles have sizes of their own; the largest is what must fit
            size = struct.unpack_from(">II", body, inner + 4)
            width, height = max((width, height), size, key=lambda wh: wh[0] * wh[1])
        elif kind == b"irot":
            turns = body[inner] & 3
        elif kind == b"imir":
            mirror = body[inner] & 1
    return ImageHeader("avif", width, height, _ORIENTATIONS[turns, mirror])


def _metadata(body: bytes, pieces: list[Item]) -> MetadataBlocks:
    metadata = MetadataCollector()
    for piece in pieces:
        if piece.kind == b"Exif":
            block = piece.content(body)
            metadata.add("exif", block[4 + int.from_bytes(block[:4], "big") :])
        elif piece.kind == b"mime" and piece.media_type == _XMP_TYPE:
            metadata.add("xmp", piece.content(body))
    for kind, inner, after in boxes(body, 0, len(body)):
        if kind == b"uuid" and body[inner : inner + 16] == _C2PA:
            metadata.add("c2pa", _manifest(body[inner + 16 : after]))
    return metadata.blocks()


def _manifest(content: bytes) -> bytes:
    """The JUMBF box in C2PA's box, which has version and flags, a purpose and an offset before it."""
    purpose, end, rest = content[4:].partition(b"\0")
    return rest[8:] if end and purpose == b"manifest" else b""
