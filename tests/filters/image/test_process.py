from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from babelsift.filters.image import ImageFailure, ProcessedImage, process_image, read_header
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings, OptOutSettings
from tests.support.hostile_web import encoded, photo
from tests.support.image_files import jpeg_segment, jpeg_with

JPEG = encoded(photo(1, (640, 480)))


def process(body: bytes, **changes: object) -> ProcessedImage | ImageFailure:
    return process_image(body, DownloadSettings(**changes))


def test_all_fields():
    exif = Image.Exif()
    exif[0x0112], exif[0x0110] = 6, "Camera"
    body = encoded(photo(1, (640, 480)), exif=exif)
    image = process(body)
    assert (image.width, image.height) == (256, 341)
    assert (image.original_width, image.original_height) == (480, 640)
    assert (image.original_bytes, image.sha256) == (len(body), hashlib.sha256(body).hexdigest())
    assert (image.extension, len(image.phash)) == ("jpg", 32)
    assert 0 < image.phash_quality <= 1
    assert "Camera" in image.exif
    stored = read_header(image.data)
    assert (stored.format, stored.width, stored.height, stored.exif) == ("jpg", 256, 341, b"")


def test_same_bytes_in_same_bytes_out():
    assert process(JPEG) == process(JPEG)


@pytest.mark.parametrize("file_format", ["jpg", "png", "webp"])
def test_formats(file_format):
    image = process(JPEG, encode_format=file_format, encode_quality=9)
    assert (image.extension, read_header(image.data).format) == (file_format, file_format)


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"min_image_size": 481}, RejectReason.IMAGE_TOO_SMALL, "640x480 px"),
        ({"max_image_area": 640 * 480 - 1.0}, RejectReason.IMAGE_AREA_TOO_LARGE, "640x480 px"),
        ({"max_aspect_ratio": 1.3}, RejectReason.ASPECT_RATIO_TOO_LARGE, "640x480 px"),
        ({"max_source_pixels": 640 * 480 - 1}, RejectReason.TOO_MANY_PIXELS, "640x480 px"),
    ],
)
def test_limits(changes, reason, detail):
    assert process(JPEG, **changes) == ImageFailure(reason, detail)


def test_at_the_limits():
    limits = {"min_image_size": 480, "max_image_area": 640 * 480.0, "max_aspect_ratio": 4 / 3}
    assert isinstance(process(JPEG, **limits, max_source_pixels=640 * 480), ProcessedImage)


def png(width: int, height: int, data: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    ihdr = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", ihdr) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_decompression_bomb_is_never_decoded():
    bomb = png(60_000, 60_000, zlib.compress(bytes(10_000_000)))
    assert process(bomb) == ImageFailure(RejectReason.TOO_MANY_PIXELS, "60000x60000 px")


def test_png_without_the_pixels_it_claims():
    assert process(png(5000, 5000, zlib.compress(bytes(10)))).reason is RejectReason.IMAGE_UNDECODABLE


def test_image_that_is_another_kind_than_it_says():
    assert process(b"<html></html>") == ImageFailure(RejectReason.NOT_AN_IMAGE, "html")
    assert process(JPEG[:3000]).reason is RejectReason.IMAGE_UNDECODABLE


def test_long_strip_that_no_jpeg_can_hold():
    strip = encoded(Image.new("RGB", (70_000, 10)), "PNG")
    failure = process(strip, resize_mode="no")
    assert failure == ImageFailure(RejectReason.IMAGE_UNDECODABLE, "70000x10 px do not fit into jpg")


def test_skip_reencode_keeps_the_file_where_nothing_changes():
    small = encoded(photo(1, (100, 80)))
    assert process(small, skip_reencode=True).data == small
    assert process(small).data != small
    assert process(JPEG, skip_reencode=True).data != JPEG
    assert process(encoded(photo(1, (100, 80)), "PNG"), skip_reencode=True).data.startswith(b"\xff\xd8\xff")


def test_skip_reencode_does_not_keep_turned_images():
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(photo(1, (100, 80)), exif=exif)
    image = process(turned, skip_reencode=True)
    assert image.data != turned
    assert (image.width, image.height) == (80, 100)


SEEDS = [
    encoded(photo(1, (40, 30)).quantize(16) if name == "GIF" else photo(1, (40, 30)), name)
    for name in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")
]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=5))
def test_any_damage_is_an_image_or_a_reason(body, damage):
    damaged = bytearray(body)
    for at, value in damage:
        damaged[at % len(damaged)] = value
    outcome = process(bytes(damaged), max_source_pixels=1_000_000)
    if isinstance(outcome, ProcessedImage):
        assert read_header(outcome.data).format == "jpg"
        assert np.frombuffer(outcome.phash, np.uint8).shape == (32,)
    else:
        assert outcome.detail


def test_pixels_are_the_same_in_another_container():
    kept = {"image_size": 64}
    pixels = photo(3, (200, 120))
    exif = Image.Exif()
    exif[0x0110] = "Camera"
    png, other_png, webp = (
        process(encoded(pixels, "PNG"), **kept),
        process(encoded(pixels, "PNG", compress_level=1, exif=exif), **kept),
        process(encoded(pixels, "WEBP", lossless=True), **kept),
    )
    assert len({image.sha256 for image in (png, other_png, webp)}) == 3
    assert len({image.pixels_digest for image in (png, other_png, webp)}) == 1
    assert process(encoded(pixels, "JPEG", quality=95), **kept).pixels_digest != png.pixels_digest


def test_pixels_of_other_colours_are_others():
    colours = photo(3, (200, 120))
    grey = colours.convert("L")
    hashed = [process(encoded(image, "PNG"), image_size=64) for image in (colours, grey, grey.convert("RGB"))]
    assert hashed[0].pixels_digest != hashed[1].pixels_digest == hashed[2].pixels_digest


def test_one_pixel_makes_other_pixels():
    changed = photo(3, (200, 120))
    changed.putpixel((199, 119), tuple(255 - value for value in changed.getpixel((199, 119))))
    images = (photo(3, (200, 120)), changed)
    assert len({process(encoded(image, "PNG")).pixels_digest for image in images}) == 2


def test_pixels_of_another_shape_are_others():
    flat = [process(encoded(Image.new("RGB", size, (9, 9, 9)), "PNG")) for size in ((40, 30), (30, 40))]
    assert flat[0].pixels_digest != flat[1].pixels_digest


def test_a_file_whose_c2pa_manifest_is_against_training():
    """The file was signed by c2pa-python 0.38, with an assertion as CAWG has it."""
    body = (Path(__file__).parent / "data" / "signed_against_training.jpg").read_bytes()
    use = "cawg.ai_training: notAllowed"
    assert process(body) == ImageFailure(RejectReason.C2PA_TRAINING_OPT_OUT, use)
    assert isinstance(process(body, opt_outs=OptOutSettings(c2pa_training=False)), ProcessedImage)


def test_a_file_that_prohibits_data_mining():
    term = "DMI-PROHIBITED-AIMLTRAINING"
    xmp = f'<r plus:DataMining="http://ns.useplus.org/ldf/vocab/{term}"/>'.encode()
    body = jpeg_with(JPEG, jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp))
    assert process(body) == ImageFailure(RejectReason.DATA_MINING_PROHIBITED, term)
    assert process(body, opt_outs=OptOutSettings(data_mining=False)).data == process(JPEG).data
