from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from babelsift.filters.image import ImageFailureError, read_header
from babelsift.filters.image.decoding.decode import decode_image
from tests.support.hostile_web import encoded, photo

PICTURE = photo(3, (64, 48))


def decode(body: bytes) -> np.ndarray:
    """RGB, for comparing with Pillow."""
    image = decode_image(body, read_header(body)).pixels
    assert image.dtype == np.uint8
    assert image.shape[2] == 3
    return image[:, :, ::-1].astype(int)


def near(found: np.ndarray, wanted: Image.Image, *, within: int) -> bool:
    wanted_pixels = np.asarray(wanted.convert("RGB")).astype(int)
    return found.shape == wanted_pixels.shape and int(np.abs(found - wanted_pixels).max()) <= within


@pytest.mark.parametrize("name", ["PNG", "BMP"])
def test_lossless(name):
    assert near(decode(encoded(PICTURE, name)), PICTURE, within=0)


@pytest.mark.parametrize("name", ["JPEG", "WEBP", "AVIF"])
def test_lossy(name):
    assert near(decode(encoded(PICTURE, name, quality=95)), PICTURE, within=40)


def interlaced_png(image: Image.Image) -> bytes:
    """Pillow reads Adam7 and does not write it: (first column, first row, columns apart, rows apart) of each pass."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    pixels = np.asarray(image)
    parts = (pixels[top::down, left::across] for left, top, across, down in passes)
    lines = b"".join(b"\0" + row.tobytes() for part in parts if part.size for row in part)
    start = struct.pack(">IIBBBBB", *image.size, 8, 2, 0, 0, 1)
    chunks = ((b"IHDR", start), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


@pytest.mark.parametrize("size", [(64, 48), (33, 7), (1, 1), (3, 2)])
def test_interlaced_png(size):
    picture = photo(3, size)
    body = interlaced_png(picture)
    assert near(decode(body), picture, within=0)
    assert Image.open(io.BytesIO(body)).info["interlace"] == 1


def test_cmyk_jpeg():
    # without a colour profile each decoder makes up its own conversion; they agree roughly
    assert near(decode(encoded(PICTURE.convert("CMYK"), "JPEG", quality=95)), PICTURE, within=60)


def test_grey_becomes_three_channels():
    grey = PICTURE.convert("L")
    assert near(decode(encoded(grey, "PNG")), grey, within=0)
    assert near(decode(encoded(grey, "JPEG", quality=95)), grey, within=12)


def test_16_bit_becomes_8():
    grey = np.arange(64 * 48, dtype=np.uint16).reshape(48, 64) * 21
    found = decode(encoded(Image.fromarray(grey), "PNG"))
    assert np.array_equal(found[:, :, 0], np.rint(grey / 257).astype(int))


def test_16_bit_colour_with_alpha():
    pixels = np.full((4, 4, 4), 65_535, np.uint16)
    pixels[:, :2, 3] = 0
    pixels[:, :, 1] = 0
    found = decode(cv2.imencode(".png", pixels)[1].tobytes())
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[0, 3].tolist() == [255, 0, 255]


def test_palette():
    palette = PICTURE.quantize(16)
    assert near(decode(encoded(palette, "PNG")), palette, within=0)


def test_one_bit():
    assert near(decode(encoded(PICTURE.convert("1"), "PNG")), PICTURE.convert("1"), within=0)


def test_palette_with_transparency_on_white():
    palette = PICTURE.quantize(16)
    found = decode(encoded(palette, "PNG", transparency=3))
    assert (found[np.asarray(palette) == 3] == 255).all()
    assert not (found[np.asarray(palette) != 3] == 255).all()


@pytest.mark.parametrize("name", ["PNG", "WEBP"])
def test_alpha_on_white_as_img2dataset_blends(name):
    pixels = np.dstack([np.asarray(PICTURE), np.add.outer(np.arange(48) * 2, np.arange(64) * 2)]).astype(np.uint8)
    body = encoded(Image.fromarray(pixels), name, lossless=True, exact=True)
    image = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_UNCHANGED)
    alpha = image[:, :, 3, np.newaxis]
    theirs = alpha / 255 * image[..., :3] + 255 - alpha
    theirs = np.rint(theirs.clip(min=0, max=255)).astype(np.uint8)
    assert np.array_equal(decode(body)[:, :, ::-1], theirs)


def test_first_frame_of_an_animation():
    frames = [photo(seed, (64, 48)).quantize(64) for seed in (1, 2, 3)]
    body = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert near(decode(body), frames[0], within=0)


def test_transparent_gif_on_white():
    palette = PICTURE.quantize(16)
    assert (decode(encoded(palette, "GIF", transparency=5))[np.asarray(palette) == 5] == 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_turned_upright(name, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    body = encoded(PICTURE, name, exif=exif, quality=95)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(body)))
    assert near(decode(body), upright, within=3)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF"])
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_truncated(name, share):
    body = encoded(photo(1), name)
    with pytest.raises(ImageFailureError, match=r"image_undecodable"):
        decode(body[: int(len(body) * share)])


def test_what_counts_as_stored_plainly():
    def plain(image: Image.Image, name: str, **options: object) -> bool:
        body = encoded(image, name, **options)
        return decode_image(body, read_header(body)).as_stored

    exif = Image.Exif()
    exif[0x0112] = 6
    assert plain(PICTURE, "JPEG")
    assert plain(PICTURE.convert("L"), "JPEG")
    assert not plain(PICTURE.convert("CMYK"), "JPEG")
    assert not plain(PICTURE, "JPEG", exif=exif)
    assert not plain(PICTURE.convert("RGBA"), "PNG")
