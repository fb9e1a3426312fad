"""The few EXIF fields worth keeping, read by a parser that no input can upset.

Names and forms are exifread's, which img2dataset uses. Positions, serial numbers and maker notes are left out: they
say more of people than of pictures.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator

_ORIENTATION, _EXIF_IFD = 0x0112, 0x8769
_TAGS = {
    0x010E: "Image ImageDescription",
    0x010F: "Image Make",
    0x0110: "Image Model",
    0x0112: "Image Orientation",
    0x011A: "Image XResolution",
    0x011B: "Image YResolution",
    0x0131: "Image Software",
    0x0132: "Image DateTime",
    0x013B: "Image Artist",
    0x8298: "Image Copyright",
    0x829A: "EXIF ExposureTime",
    0x829D: "EXIF FNumber",
    0x8827: "EXIF ISOSpeedRatings",
    0x9003: "EXIF DateTimeOriginal",
    0x9209: "EXIF Flash",
    0x920A: "EXIF FocalLength",
    0xA001: "EXIF ColorSpace",
}
_SOFTWARE = (0x0131, 0x010F)
_ORIENTATIONS = {
    1: "Horizontal (normal)",
    2: "Mirrored horizontal",
    3: "Rotated 180",
    4: "Mirrored vertical",
    5: "Mirrored horizontal then rotated 90 CCW",
    6: "Rotated 90 CW",
    7: "Mirrored horizontal then rotated 90 CW",
    8: "Rotated 90 CCW",
}
_MAX_ENTRIES = 512
_MAX_TEXT_BYTES = 1024
_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL = 1, 2, 3, 4, 5


def orientation_in(block: bytes) -> int:
    """Returns the orientation, 1 to 8, that an EXIF block asks for; 1 where it asks for none that exists."""
    for tag, value in _entries(block):
        if tag == _ORIENTATION:
            return value if isinstance(value, int) and value in _ORIENTATIONS else 1
    return 1


def software_in(block: bytes) -> list[str]:
    """Returns what an EXIF block names as software and make."""
    return [str(value) for tag, value in _entries(block) if tag in _SOFTWARE] if block else []


def exif_json(block: bytes) -> str | None:
    """Returns the EXIF fields as a JSON object of texts, or None where there are none."""
    fields: dict[str, str] = {}
    for tag, value in _entries(block):
        if tag in _TAGS:
            fields[_TAGS[tag]] = str(value)
            if tag == _ORIENTATION and isinstance(value, int):
                fields[_TAGS[tag]] = _ORIENTATIONS.get(value, str(value))
    return json.dumps(fields, ensure_ascii=False) if fields else None


def _entries(block: bytes) -> Iterator[tuple[int, int | str]]:
    """The readable entries of the first directory and of the EXIF directory that it points to."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return
    (start,) = struct.unpack_from(order + "I", block, 4)
    further = None
    for tag, value in _directory(block, order, start):
        if tag == _EXIF_IFD and isinstance(value, int):
            further = value
        yield tag, value
    if further is not None:
        yield from _directory(block, order, further)


def _directory(block: bytes, order: str, start: int) -> Iterator[tuple[int, int | str]]:
    if start + 2 > len(block):
        return
    (count,) = struct.unpack_from(order + "H", block, start)
    for at in range(start + 2, start + 2 + 12 * min(count, _MAX_ENTRIES), 12):
        if at + 12 > len(block):
            return
        tag, kind, values, inline = struct.unpack_from(order + "HHI4s", block, at)
        (offset,) = struct.unpack(order + "I", inline)
        value = _value(block, order, kind, values, inline, offset)
        if value is not None:
            yield tag, value


def _value(block: bytes, order: str, kind: int, values: int, inline: bytes, offset: int) -> int | str | None:
    if kind == _ASCII:
        raw = inline[:values] if values <= 4 else block[offset : offset + min(values, _MAX_TEXT_BYTES)]
        text = raw.partition(b"\0")[0].decode("utf-8", errors="replace").strip()
        return "".join(c for c in text if c.isprintable()) or None
    if values != 1:
        return None
    if kind == _SHORT:
        return int(struct.unpack_from(order + "H", inline)[0])
    if kind == _LONG:
        return offset
    if kind == _BYTE:
        return inline[0]
    if kind == _RATIONAL and offset + 8 <= len(block):
        numerator, denominator = struct.unpack_from(order + "II", block, offset)
        return str(numerator) if denominator in (0, 1) else f"{numerator}/{denominator}"
    return None
