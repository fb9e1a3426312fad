"""Image files put together piece by piece, as encoders do not write them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_chunks(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, content) of each chunk of a whole PNG."""
    position = len(PNG_SIGNATURE)
    while position < len(body):
        length, kind = struct.unpack_from(">I4s", body, position)
        yield kind, body[position + 8 : position + 8 + length]
        position += 12 + length


def png_with(body: bytes, chunks: Iterable[tuple[bytes, bytes]], *, before: bytes = b"IDAT") -> bytes:
    """A PNG with further chunks before its first one of a kind."""
    parts, added = [PNG_SIGNATURE], False
    for kind, content in png_chunks(body):
        if kind == before and not added:
            parts += [png_chunk(*chunk) for chunk in chunks]
            added = True
        parts.append(png_chunk(kind, content))
    return b"".join(parts)


def jpeg_segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg_with(body: bytes, *segments: bytes) -> bytes:
    """A JPEG with further segments at its beginning."""
    return body[:2] + b"".join(segments) + body[2:]


def jpeg_data_start(body: bytes) -> int:
    """Where the first scan's data begin."""
    position = 2
    while body[position + 1] != 0xDA:
        position += 2 + struct.unpack_from(">H", body, position + 2)[0]
    return position + 2 + struct.unpack_from(">H", body, position + 2)[0]


def jpeg_of_height(body: bytes, height: int) -> bytes:
    """A JPEG whose frame header says that it has another height."""
    position = 2
    while body[position + 1] not in (0xC0, 0xC1, 0xC2):
        position += 2 + struct.unpack_from(">H", body, position + 2)[0]
    return body[: position + 5] + struct.pack(">H", height) + body[position + 7 :]


def riff_chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def webp_with(body: bytes, *chunks: bytes) -> bytes:
    """A WebP with further chunks at its end."""
    content = body[8:] + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def gif_extension(application: bytes, content: bytes) -> bytes:
    """An application's extension, its content in sub-blocks."""
    parts = [content[at : at + 255] for at in range(0, len(content), 255)]
    return b"\x21\xff\x0b" + application + b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def gif_with(body: bytes, *blocks: bytes) -> bytes:
    """A GIF with further blocks before its first."""
    start = 13 + (3 << ((body[10] & 7) + 1) if body[10] & 0x80 else 0)
    return body[:start] + b"".join(blocks) + body[start:]


def iso_box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content
