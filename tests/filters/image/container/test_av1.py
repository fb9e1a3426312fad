"""AVIFs that have more frames, or larger ones, than they say: no decoder is to find out."""

from __future__ import annotations

import re
import struct

import pytest
from PIL import Image

from babelsift.filters.image import ImageFailureError, open_image
from babelsift.filters.image.container.av1 import frame_pixels
from babelsift.filters.image.container.iso_media import find_box, items
from tests.support.hostile_web import encoded, photo

PICTURE = photo(3, (640, 480))
AVIF = encoded(PICTURE, "AVIF", quality=50)


def stream_of(body: bytes) -> tuple[int, int]:
    """Where the one picture's stream lies."""
    meta = find_box(body, 0, len(body), b"meta")
    [item] = items(body, meta[0] + 4, meta[1])
    [extent] = item.extents
    return extent


def obus(stream: bytes) -> list[bytes]:
    parts, position = [], 0
    while position < len(stream):
        size, shift, at = 0, 0, position + 1
        while True:
            size |= (stream[at] & 0x7F) << shift
            shift += 7
            at += 1
            if not stream[at - 1] & 0x80:
                break
        parts.append(stream[position : at + size])
        position = at + size
    return parts


def with_stream(body: bytes, stream: bytes) -> bytes:
    """The file with another stream at its end, in the place of its own."""
    start, end = stream_of(body)
    old, new = struct.pack(">II", start, end - start), struct.pack(">II", len(body), len(stream))
    assert body.count(old) == 1
    return body.replace(old, new) + stream


@pytest.mark.parametrize("size", [(64, 48), (640, 480), (1000, 17)])
@pytest.mark.parametrize("options", [{}, {"subsampling": "4:4:4"}, {"codec": "aom", "speed": 9}])
def test_pixels_of_a_stream(size, options):
    body = encoded(photo(1, size), "AVIF", **options)
    start, end = stream_of(body)
    assert frame_pixels(body[start:end]) == size[0] * size[1]


def test_pixels_of_an_animations_frames():
    frames = [photo(seed, (64, 48)) for seed in range(5)]
    body = encoded(frames[0], "AVIF", save_all=True, append_images=frames[1:])
    assert open_image(body).header.width == 64
    data = body.index(b"mdat") + 4
    shown, rest = divmod(frame_pixels(body[data:]), 64 * 48)
    assert shown >= 5  # and some that are there for others to refer to
    assert rest == 0


def test_a_header_that_is_not_reduced():
    """Timing, a decoder model and two operating points before the size; bits as the standard orders them."""
    bits = "00000" + "1" + "0" * 64 + "1" + "00101" + "1" + "00100" + "0" * 32 + "0000000000"
    bits += "1" + "00001"
    bits += "0" * 12 + "01000" + "1" + "1" + "00000000000" + "1" + "0000"
    bits += "0" * 12 + "00111" + "0" + "0"
    bits += "10101001" + f"{639:011b}" + f"{479:010b}"
    payload = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    stream = bytes([1 << 3 | 2, len(payload)]) + payload + bytes([6 << 3 | 2, 0]) * 3
    assert frame_pixels(stream) == 3 * 640 * 480


def test_more_frames_than_a_picture_has():
    start, end = stream_of(AVIF)
    parts = obus(AVIF[start:end])
    frame = parts[-1]
    assert open_image(with_stream(AVIF, b"".join(parts) + frame * 7)).header.width == 640
    with pytest.raises(ImageFailureError, match="avif of 640x480 px with frames of more than 2457600 px"):
        open_image(with_stream(AVIF, b"".join(parts) + frame * 8))


def test_frames_larger_than_the_file_says():
    small = struct.pack(">III", 0, 64, 48)
    body = re.sub(re.escape(struct.pack(">III", 0, 640, 480)), small, AVIF)
    assert body != AVIF
    with pytest.raises(ImageFailureError, match="avif of 64x48 px with frames of more than 24576 px"):
        open_image(body)


def test_more_parts_than_streams_have():
    start, end = stream_of(AVIF)
    with pytest.raises(ImageFailureError, match="avif of more than 10000 parts"):
        open_image(with_stream(AVIF, AVIF[start:end] + b"\x12\0" * 11_000))


def test_pieces_that_are_one_and_the_same_are_not_read_for_ever():
    """An item may be put together of any pieces: of the whole file, thousands of times."""
    body = encoded(Image.new("RGB", (8, 8)), "AVIF")
    meta = find_box(body, 0, len(body), b"meta")
    [item] = items(body, meta[0] + 4, meta[1])
    many = type(item)(item.kind, b"", ((0, len(body)),) * 4000)
    assert len(many.content(body)) == len(body)
