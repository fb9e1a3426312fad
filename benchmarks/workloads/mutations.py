"""Damage to image files, as a broken disk, a broken program and an attacker do it; the same for the same number."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

_EDGES = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\x01", b"\0\x01\0\0")
_HEADER_BYTES = 600  # where sizes, tables and chunk lengths are


def seed_images() -> list[bytes]:
    """Returns whole small images of every accepted format and of the variants that decoders have code of their own for.

    With damage to 600 bytes of the header and none of the pixels they are small enough that many can be tried.
    """
    draw = np.random.default_rng(0)
    smooth = cv2.resize(draw.integers(0, 256, (6, 8, 3), dtype=np.uint8), (160, 120), interpolation=cv2.INTER_CUBIC)
    image = Image.fromarray(np.clip(smooth + draw.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8))
    alpha = Image.merge("RGBA", [*image.split(), Image.linear_gradient("L").resize(image.size)])
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    frames = [image.rotate(angle).quantize(32) for angle in (0, 90, 180)]
    return [
        _encoded(image, "JPEG", quality=85, exif=exif),
        _encoded(image, "JPEG", quality=85, progressive=True),
        _encoded(image, "JPEG", quality=85, subsampling=0, restart_marker_blocks=4),
        _encoded(image.convert("L"), "JPEG"),
        _encoded(image.convert("CMYK"), "JPEG"),
        _encoded(image, "PNG", exif=exif),
        _encoded(alpha, "PNG"),
        _encoded(image.quantize(16), "PNG", transparency=3),
        _encoded(image.convert("1"), "PNG"),
        cv2.imencode(".png", draw.integers(0, 65_536, (30, 40, 4), dtype=np.uint16))[1].tobytes(),
        interlaced_png(np.asarray(image.resize((40, 30)))),
        _encoded(image, "WEBP", quality=80, exif=exif),
        _encoded(alpha, "WEBP", lossless=True),
        _encoded(image, "WEBP", save_all=True, append_images=[image.rotate(90)], duration=40),
        _encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        _encoded(frames[0], "GIF", transparency=5, interlace=1),
        _encoded(image, "BMP"),
        _encoded(image.quantize(16), "BMP"),
        _encoded(alpha, "BMP"),
        _encoded(image, "AVIF", quality=60, exif=exif),
        _encoded(alpha, "AVIF", quality=60),
    ]


def interlaced_png(pixels: np.ndarray) -> bytes:
    """Returns an Adam7-interlaced PNG, which none of our encoders writes. Args: pixels: uint8[h, w, 3], RGB."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    rows = []
    for top, left, down, across in passes:
        part = pixels[top::down, left::across]
        rows += [b"\0" + row.tobytes() for row in part if part.shape[1]]
    height, width = pixels.shape[:2]
    ihdr = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 1)
    chunks = ((b"IHDR", ihdr), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(kind, content) for kind, content in chunks)


def mutated(seeds: list[bytes], number: int, seed: int) -> bytes:
    """Returns the image of a number: one of the seeds, damaged one to four times over."""
    draw = random.Random(f"{seed} {number}")
    body = bytearray(draw.choice(seeds))
    for _ in range(draw.choice((1, 1, 2, 4))):
        if body:
            body = draw.choice(_MUTATIONS)(body, draw, seeds)
    return bytes(with_right_checksums(body)) if draw.random() < 0.7 else bytes(body)


def with_right_checksums(body: bytearray) -> bytearray:
    """Returns a PNG with the checksums that its chunks now need, so that damage goes deeper than to them."""
    if not body.startswith(b"\x89PNG\r\n\x1a\n"):
        return body
    position = 8
    while position + 12 <= len(body):
        (length,) = struct.unpack_from(">I", body, position)
        end = position + 8 + length
        if end + 4 > len(body):
            break
        struct.pack_into(">I", body, end, zlib.crc32(body[position + 4 : end]))
        position = end + 4
    return body


def _flip_bits(body: bytearray, draw: random.Random, seeds: list[bytes]) -> bytearray:
    for _ in range(draw.choice((1, 2, 8, 64))):
        body[draw.randrange(len(body))] ^= 1 << draw.randrange(8)
    return body


def _damage_header(body: bytearray, draw: random.Random, seeds: list[bytes]) -> bytearray:
    for _ in range(draw.choice((1, 1, 3))):
        body[draw.randrange(min(len(body), _HEADER_BYTES))] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))
    return body


def _write_edge(body: bytearray, draw: random.Random, seeds: list[bytes]) -> bytearray:
    """A length, size or offset at the edge of what its field can say."""
    field = draw.choice(_EDGES)[: draw.choice((2, 4))]
    at = draw.randrange(min(len(body), _HEADER_BYTES))
    body[at : at + len(field)] = field[::-1] if draw.random() < 0.5 else field
    return body


def _truncate(body: bytearray, draw: random.Random, seeds: list[bytes]) -> bytearray:
    return body[: draw.randrange(len(body))]


def _cut_out(body: bytearray, draw: random.Random, seeds: list[bytes]) -> bytearray:
    at = draw.randrange(len(body))
    del body[at : at + draw.choice((1, 4, 64, 1024))]
    return body


def _repeat(body: bytearray, draw: random.Random, seeds: list[bytes]) -> bytearray:
    at = draw.randrange(len(body))
    body[at:at] = body[at : at + draw.choice((2, 16, 256, 4096))] * draw.choice((1, 2, 20))
    return body


def _splice(body: bytearray, draw: random.Random, seeds: list[bytes]) -> bytearray:
    other = draw.choice(seeds)
    return body[: draw.randrange(len(body))] + other[draw.randrange(len(other)) :]


def _lie_about_size(body: bytearray, draw: random.Random, seeds: list[bytes]) -> bytearray:
    """Another width or height where the format has it, for many decoders the way to a buffer of the wrong size."""
    size = draw.choice((0, 1, 2, 15, 17, 159, 161, 255, 1000, 2000, 16_384, 65_535))
    if body.startswith(b"\x89PNG"):
        at, form = draw.choice((16, 20)), ">I"
    elif body.startswith(b"GIF"):
        at, form = draw.choice((6, 8)), "<H"
    elif body.startswith(b"BM"):
        at, form = draw.choice((18, 22)), "<i"
        size *= draw.choice((1, -1))
    elif body.startswith(b"RIFF"):
        at, form = draw.choice((24, 26, 27)), "<H"
    elif (start := body.find(b"ispe")) >= 0:
        at, form = start + draw.choice((8, 12)), ">I"
    else:
        frame = max(body.find(b"\xff\xc0\0"), body.find(b"\xff\xc2\0"))
        at, form = frame + draw.choice((5, 7)), ">H"
    if 0 < at <= len(body) - struct.calcsize(form):
        struct.pack_into(form, body, at, size)
    return body


def _fill(body: bytearray, draw: random.Random, seeds: list[bytes]) -> bytearray:
    at = draw.randrange(len(body))
    length = min(len(body) - at, draw.choice((4, 32, 512)))
    body[at : at + length] = draw.randbytes(length) if draw.random() < 0.5 else bytes([draw.choice((0, 255))]) * length
    return body


_MUTATIONS: tuple[Callable[[bytearray, random.Random, list[bytes]], bytearray], ...] = (
    _flip_bits, _damage_header, _damage_header, _write_edge, _truncate, _cut_out, _repeat, _splice, _lie_about_size,
    _fill,
)  # fmt: skip


def _encoded(image: Image.Image, name: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
