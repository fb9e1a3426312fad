"""An image's size, orientation and EXIF block from its header alone: what must be known before decoding.

Decoders allocate what a header asks for, so none is called before the header was read here. Parsers walk the
container's own structure and take a bounded number of steps.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from babelsift.filters.image.exif import orientation_in
from babelsift.filters.image.failure import ImageFailureError
from babelsift.filters.image.sniff import sniff_format
from babelsift.schemas import RejectReason

_MAX_PARTS = 10_000  # segments, chunks or boxes looked at in one file
_MAX_SCANS = 100  # a progressive JPEG has about ten; each costs a pass over all of its pixels
_FILL = re.compile(rb"\xff*")
_SCAN = re.compile(rb"\xff\xda")  # several times as fast as counting the bytes
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_JPEG_TABLES = frozenset({0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)})
_JPEG_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
# (anticlockwise quarter turns, mirror axis or None) -> EXIF orientation; HEIF turns first, then mirrors
_HEIF_ORIENTATIONS = {
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


@dataclass(frozen=True)
class ImageHeader:
    """What a header says of an image.

    Attributes:
        format: one of ALLOWED_FORMATS. width, height: px, as coded, before the orientation is applied.
        orientation: EXIF's 1 to 8. exif: the TIFF-structured EXIF block, empty where there is none.
        components: of a JPEG: 1 grey, 3 colour, 4 CMYK; None for the other formats.
    """

    format: str
    width: int
    height: int
    orientation: int = 1
    exif: bytes = b""
    components: int | None = None


def read_header(body: bytes) -> ImageHeader:
    """Returns the header of an image file.

    Raises: ImageFailureError: NOT_AN_IMAGE, IMAGE_FORMAT_NOT_ALLOWED, or IMAGE_UNDECODABLE for a broken header.
    """
    name = sniff_format(body)
    try:
        header = _READERS[name](body)
    except (struct.error, IndexError) as error:
        raise _broken(f"{name} header is cut short") from error
    if header.width <= 0 or header.height <= 0:
        raise _broken(f"{name} of {header.width}x{header.height} px")
    return header


def _broken(detail: str) -> ImageFailureError:
    return ImageFailureError(RejectReason.IMAGE_UNDECODABLE, detail)


def _read_jpeg(body: bytes) -> ImageHeader:
    exif, position = b"", 2
    for _ in range(_MAX_PARTS):
        # libjpeg skips what is no marker; so must whoever wants to see what libjpeg will see
        start = body.find(b"\xff", position)
        at = _FILL.match(body, max(start, 0)).end()
        if start < 0 or at >= len(body):
            break
        marker, position = body[at], at + 1
        if marker in _JPEG_ALONE or marker == 0:
            continue
        if marker in (0xD9, 0xDA):
            break
        (length,) = struct.unpack_from(">H", body, position)
        if marker in _JPEG_FRAMES:
            height, width, components = struct.unpack_from(">HHB", body, position + 3)
            scans = (
                () if _is_in_one_scan(body, position + length, marker, components) else _SCAN.finditer(body, position)
            )
            if next(islice(scans, _MAX_SCANS, None), None):
                raise _broken(f"jpg of more than {_MAX_SCANS} scans")
            return ImageHeader("jpg", width, height, orientation_in(exif), exif, components)
        if marker == 0xE1 and not exif and body[position + 2 : position + 8] == b"Exif\0\0":
            exif = body[position + 8 : position + length]
        position += max(length, 2)
    raise _broken("jpg without a frame")


def _is_in_one_scan(body: bytes, position: int, frame: int, components: int) -> bool:
    """Whether a JPEG's first scan is the only one that libjpeg reads, so that others need not be looked for.

    It is where it has all components. Searching a whole file for scans takes as long as receiving it.
    """
    for _ in range(_MAX_PARTS if frame not in _JPEG_PROGRESSIVE else 0):
        filler, marker, length = struct.unpack_from(">BBH", body, position)
        if filler == 0xFF and marker == 0xDA:
            return body[position + 4] == components
        if filler != 0xFF or marker not in _JPEG_TABLES or length < 2:
            break  # libjpeg may find its way in this; here it is not followed
        position += 2 + length
    return False


def _read_png(body: bytes) -> ImageHeader:
    if body[12:16] != b"IHDR":
        raise _broken("png without IHDR")
    width, height = struct.unpack_from(">II", body, 16)
    exif = b""
    for kind, start, end in _png_chunks(body):
        if kind == b"IEND":
            break
        if end - start > len(body):
            # OpenCV takes and clears as much memory as a chunk says it has, gigabytes, before it looks for its bytes
            raise _broken("png with a chunk longer than the file")
        if kind == b"eXIf" and not exif:
            exif = body[start:end]
    return ImageHeader("png", width, height, orientation_in(exif), exif)


def _png_chunks(body: bytes) -> Iterator[tuple[bytes, int, int]]:
    position = 8
    for _ in range(_MAX_PARTS):
        if position + 8 > len(body):
            return
        length, kind = struct.unpack_from(">I4s", body, position)
        yield kind, position + 8, position + 8 + length
        position += length + 12


def _read_webp(body: bytes) -> ImageHeader:
    kind = body[12:16]
    if kind == b"VP8 ":
        if body[23:26] != b"\x9d\x01\x2a":
            raise _broken("webp without a key frame")
        width, height = struct.unpack_from("<HH", body, 26)
        return ImageHeader("webp", width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", body, 21)
        return ImageHeader("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind != b"VP8X":
        raise _broken("webp without an image")
    if len(body) < 30:
        raise _broken("webp header is cut short")
    width = int.from_bytes(body[24:27], "little") + 1
    height = int.from_bytes(body[27:30], "little") + 1
    exif = next((body[start:end] for name, start, end in _riff_chunks(body) if name == b"EXIF"), b"")
    exif = exif.removeprefix(b"Exif\0\0")
    return ImageHeader("webp", width, height, orientation_in(exif), exif)


def _riff_chunks(body: bytes) -> Iterator[tuple[bytes, int, int]]:
    position = 12
    for _ in range(_MAX_PARTS):
        if position + 8 > len(body):
            return
        kind, length = struct.unpack_from("<4sI", body, position)
        yield kind, position + 8, position + 8 + length
        position += 8 + length + length % 2


def _read_gif(body: bytes) -> ImageHeader:
    return ImageHeader("gif", *struct.unpack_from("<HH", body, 6))


def _read_bmp(body: bytes) -> ImageHeader:
    (size,) = struct.unpack_from("<I", body, 14)
    width, height = struct.unpack_from("<HH" if size == 12 else "<ii", body, 18)
    return ImageHeader("bmp", width, abs(height))


def _read_avif(body: bytes) -> ImageHeader:
    meta = _box(body, 0, len(body), b"meta")
    properties = _box(body, *_box(body, meta[0] + 4, meta[1], b"iprp"), b"ipco")
    width = height = turns = 0
    mirror = None
    for kind, start, end in _boxes(body, *properties):
        if kind == b"ispe" and end - start >= 12:
            # a grid's tiles have sizes of their own; the largest is what must fit
            size = struct.unpack_from(">II", body, start + 4)
            width, height = max((width, height), size, key=lambda wh: wh[0] * wh[1])
        elif kind == b"irot":
            turns = body[start] & 3
        elif kind == b"imir":
            mirror = body[start] & 1
    return ImageHeader("avif", width, height, _HEIF_ORIENTATIONS[turns, mirror])


def _box(body: bytes, start: int, end: int, wanted: bytes) -> tuple[int, int]:
    for kind, inner, after in _boxes(body, start, end):
        if kind == wanted:
            return inner, after
    raise _broken(f"avif without {wanted.decode()}")


def _boxes(body: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    for _ in range(_MAX_PARTS):
        if start + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", body, start)
        inner = start + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", body, inner)
            inner += 8
        after = end if size == 0 else min(start + size, end)
        if after < inner:
            return
        yield kind, inner, after
        start = after


_READERS = {
    "jpg": _read_jpeg,
    "png": _read_png,
    "webp": _read_webp,
    "gif": _read_gif,
    "bmp": _read_bmp,
    "avif": _read_avif,
}
