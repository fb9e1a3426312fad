"""JPEG: marker segments up to the first scan, as libjpeg finds them; metadata and comments do not reach a decoder."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from babelsift.filters.image.container.image_file import MAX_PARTS, ImageFile, ImageHeader, KeptRanges, broken
from babelsift.filters.image.container.jpeg_metadata import JpegMetadata
from babelsift.filters.image.exif import orientation_in

_MAX_SCANS = 100  # a progressive JPEG has about ten; each costs a pass over all of its pixels
_MAX_SCANNED_PIXELS = 2_000_000_000  # pixels times scans: twenty passes over the largest image that is decoded
_FILL = re.compile(rb"\xff*")
_SCAN = re.compile(rb"\xff\xda")  # several times as fast as counting the bytes
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_TABLES = frozenset({0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)})
_ALONE = frozenset({0x00, 0x01, *range(0xD0, 0xD8)})
_EOI, _SOS, _EXIF = 0xD9, 0xDA, b"Exif\0\0"
# JFIF's and Adobe's segments, APP0 and APP14, say which colours the pixels are in; the others say nothing of pixels.
_NO_PIXELS = frozenset({0xFE, *range(0xE1, 0xEE), 0xEF})


def open_jpeg(body: bytes) -> ImageFile:
    """Returns a JPEG taken apart.

    Raises:
        ImageFailureError: no frame within 10 000 segments, or more scans than any encoder makes.
    """
    header, exif = None, b""
    kept, metadata, kept_from = KeptRanges(), JpegMetadata(), 0
    for marker, start, content, end in _segments(body):
        if marker in _NO_PIXELS and end <= len(body):
            kept.keep(kept_from, start)
            kept_from = end
            metadata.add(marker, body[content:end])
            if marker == 0xE1 and header is None and not exif and body[content : content + 6] == _EXIF:
                exif = body[content + 6 : end]
        elif marker in _FRAMES and header is None:
            height, width, components = struct.unpack_from(">HHB", body, content + 1)
            _check_scans(body, content, end, marker, (width * height, components))
            header = ImageHeader("jpg", width, height, orientation_in(exif), exif, components)
    if header is None:
        raise broken("jpg without a frame")
    kept.keep(kept_from, len(body))
    return ImageFile(header, kept.of(body), metadata.blocks())


def _segments(body: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yields (marker, where it begins, where its content does, where that ends) up to the first scan or the end."""
    position, is_framed = 2, False
    for _ in range(MAX_PARTS):
        # libjpeg skips what is no marker; so must whoever wants to see what libjpeg will see
        start = body.find(b"\xff", position)
        fill = _FILL.match(body, max(start, 0))
        if start < 0 or fill is None or fill.end() >= len(body):
            return
        at = fill.end()
        marker, position = body[at], at + 1
        if marker in _ALONE:
            continue
        if marker in (_EOI, _SOS):
            return
        if position + 2 > len(body) and is_framed:
            return
        (length,) = struct.unpack_from(">H", body, position)
        if length < 2 and is_framed:
            return  # libjpeg gives up here
        is_framed = is_framed or marker in _FRAMES
        yield marker, start, position + 2, position + max(length, 2)
        position += max(length, 2)


def _check_scans(body: bytes, content: int, end: int, frame: int, size: tuple[int, int]) -> None:
    """Raises where there are more scans than any encoder makes, or than so many pixels should have.

    Args:
        content: where the frame header's content begins.
        end: where it ends.
        frame: its marker.
        size: pixels and components.
    """
    pixels, components = size
    if _is_in_one_scan(body, end, frame, components):
        return
    scans = sum(1 for _ in _SCAN.finditer(body, content))
    if scans > _MAX_SCANS:
        raise broken(f"jpg of more than {_MAX_SCANS} scans")
    if scans * pixels > _MAX_SCANNED_PIXELS:
        raise broken(f"jpg of {scans} scans of {pixels} px")


def _is_in_one_scan(body: bytes, position: int, frame: int, components: int) -> bool:
    """Whether a JPEG's first scan is the only one that libjpeg reads, so that others need not be looked for.

    It is where it has all components. Searching a whole file for scans takes as long as receiving it.
    """
    for _ in range(MAX_PARTS if frame not in _PROGRESSIVE else 0):
        filler, marker, length = struct.unpack_from(">BBH", body, position)
        if filler == 0xFF and marker == _SOS:
            return body[position + 4] == components
        if filler != 0xFF or marker not in _TABLES or length < 2:
            break  # libjpeg may find its way in this; here it is not followed
        position += 2 + length
    return False
