from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from babelsift.filters.image import ImageFailureError, open_image, read_header, sniff_format
from babelsift.filters.image.decoding.decode import decode_image
from babelsift.schemas import RejectReason
from tests.support.hostile_web import encoded, photo

FORMATS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp", "AVIF": "avif"}
SMALL = {name: encoded(photo(1, (50, 30)), name) for name in FORMATS}


def refusal(body: bytes) -> tuple[RejectReason, str]:
    with pytest.raises(ImageFailureError) as caught:
        read_header(body)
    return caught.value.reason, caught.value.detail


@pytest.mark.parametrize("name", FORMATS)
def test_size_and_format(name):
    header = read_header(SMALL[name])
    assert (header.format, header.width, header.height, header.orientation) == (FORMATS[name], 50, 30, 1)


@pytest.mark.parametrize(
    ("body", "width", "height"),
    [
        (encoded(photo(1, (50, 30)), "WEBP", lossless=True), 50, 30),
        (encoded(photo(1, (50, 30)), "JPEG", progressive=True), 50, 30),
        (encoded(photo(1, (50, 30)).convert("CMYK"), "JPEG"), 50, 30),
        (encoded(photo(1, (50, 30)), "WEBP", exif=Image.Exif()), 50, 30),
        (b"\xff\xd8\xff\xe0\0\x04ab garbage \xff\xff\xff\xc0\0\x11\x08\x00\x07\x00\x09\x03" + bytes(20), 9, 7),
        (b"BM" + bytes(12) + struct.pack("<IHH", 12, 5, 6) + bytes(20), 5, 6),
        (b"BM" + bytes(12) + struct.pack("<Iii", 40, 5, -6) + bytes(20), 5, 6),
    ],
)
def test_variants(body, width, height):
    header = read_header(body)
    assert (header.width, header.height) == (width, height)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(name, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert read_header(encoded(photo(1, (50, 30)), name, exif=exif)).orientation == orientation


def test_size_in_a_thumbnail_is_not_taken_for_the_images():
    thumbnail = encoded(photo(2, (8, 8)))
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 8) + b"Exif\0\0" + thumbnail
    header = read_header(SMALL["JPEG"][:2] + segment + SMALL["JPEG"][2:])
    assert (header.width, header.height, header.orientation) == (50, 30, 1)


@pytest.mark.parametrize(
    ("body", "reason", "detail"),
    [
        (b"", RejectReason.NOT_AN_IMAGE, "text"),
        (b"not found", RejectReason.NOT_AN_IMAGE, "text"),
        (b"<!DOCTYPE html><html><svg></svg>", RejectReason.NOT_AN_IMAGE, "html"),
        ("\ufeff \n<html>".encode(), RejectReason.NOT_AN_IMAGE, "html"),
        (b'{"error": 404}', RejectReason.NOT_AN_IMAGE, "json"),
        (b"<?xml version='1.0'?><rss/>", RejectReason.NOT_AN_IMAGE, "xml"),
        (b"<?xml version='1.0'?><!-- x --><svg xmlns='x'/>", RejectReason.IMAGE_FORMAT_NOT_ALLOWED, "svg"),
        ("<svg>".encode("utf-16"), RejectReason.IMAGE_FORMAT_NOT_ALLOWED, "svg"),
        (b"%PDF-1.7", RejectReason.NOT_AN_IMAGE, "pdf"),
        (b"%!PS-Adobe", RejectReason.NOT_AN_IMAGE, "postscript"),
        (b"PK\3\4zip", RejectReason.NOT_AN_IMAGE, "zip"),
        (b"II*\0tiff", RejectReason.IMAGE_FORMAT_NOT_ALLOWED, "tiff"),
        (b"8BPS\0\1", RejectReason.IMAGE_FORMAT_NOT_ALLOWED, "psd"),
        (b"\0\0\1\0ico", RejectReason.IMAGE_FORMAT_NOT_ALLOWED, "ico"),
        (b"P6\n1 1\n255\n", RejectReason.IMAGE_FORMAT_NOT_ALLOWED, "netpbm"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", RejectReason.IMAGE_FORMAT_NOT_ALLOWED, "heif"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", RejectReason.NOT_AN_IMAGE, "video"),
        (b"\1\2\3\4\5\6\7\x08\x09", RejectReason.NOT_AN_IMAGE, "begins with 0102030405060708"),
        (b"RIFF\0\0\0\0WAVEfmt ", RejectReason.NOT_AN_IMAGE, "begins with 5249464600000000"),
        (b"BMW drives on", RejectReason.NOT_AN_IMAGE, "text"),
    ],
)
def test_what_is_refused(body, reason, detail):
    assert refusal(body) == (reason, detail)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("length", [4, 9])
def test_headers_cut_short(name, length):
    assert refusal(SMALL[name][:length])[0] in (RejectReason.IMAGE_UNDECODABLE, RejectReason.NOT_AN_IMAGE)


ONE_MORE_SCAN = b"\xff\xda\0\x08\1\1\0\0\x3f\0"
PICTURE = photo(1, (50, 30))
PROGRESSIVE = encoded(PICTURE, progressive=True)
IN_SCANS = SMALL["JPEG"].replace(b"\xff\xda\0\x0c\3", b"\xff\xda\0\x0c\1")  # the first one has one component
ODD_MARKER = SMALL["JPEG"].replace(b"\xff\xda", b"\xff\1\0\4\0\0\xff\xda")
FILLED = SMALL["JPEG"].replace(b"\xff\xda", b"\xff\xff\xda")


@pytest.mark.parametrize("body", [PROGRESSIVE, IN_SCANS, ODD_MARKER, FILLED])
def test_jpeg_of_more_scans_than_any_encoder_makes(body):
    assert body != SMALL["JPEG"]
    assert read_header(body + ONE_MORE_SCAN * 80).format == "jpg"
    assert refusal(body + ONE_MORE_SCAN * 101) == (RejectReason.IMAGE_UNDECODABLE, "jpg of more than 100 scans")


def test_scans_that_no_decoder_reads():
    body = encoded(PICTURE.resize((900, 900)), quality=90)
    scan = body[body.index(b"\xff\xda") : -2]
    assert read_header(body[:-2] + scan * 101).width == 900
    alone, more = (decode_image(one, read_header(one)).pixels for one in (body, body[:-2] + scan * 101 + body[-2:]))
    assert (alone == more).all()


def test_sizes_of_zero():
    assert refusal(b"GIF89a\0\0\5\0") == (RejectReason.IMAGE_UNDECODABLE, "gif of 0x5 px")


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xd8\xff" + b"\xff\xe0\0\2" * 500_000,
        b"\xff\xd8" + b"\xff" * 2_000_000,
        b"\x89PNG\r\n\x1a\n" + b"\0\0\0\x0dIHDR\0\0\0\1\0\0\0\1" + bytes(9) + b"\0\0\0\0teXt\0\0\0\0" * 200_000,
        b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0\1\0\0\1\0\0" + b"junk\0\0\0\0" * 250_000,
        b"\0\0\0\x14ftypavif\0\0\0\0avif" + b"\0\0\0\x08free" * 250_000,
    ],
)
def test_a_million_parts_are_not_walked(body):
    steps = {"count": 0}

    class Counting(bytes):
        def __getitem__(self, item):
            steps["count"] += 1
            return super().__getitem__(item)

    try:
        read_header(Counting(body))
    except ImageFailureError as failure:
        assert failure.reason is RejectReason.IMAGE_UNDECODABLE  # noqa: PT017 (either outcome will do)
    assert steps["count"] < 50_000


def mutations() -> st.SearchStrategy[bytes]:
    def change(body: bytes, at: int, patch: bytes, cut: int) -> bytes:
        at %= len(body)
        return (body[:at] + patch + body[at + len(patch) :])[: cut or None]

    starts = st.sampled_from([*SMALL.values(), *(body[:100] for body in SMALL.values())])
    return st.builds(change, starts, st.integers(0, 400), st.binary(max_size=8), st.integers(0, 200))


@given(st.one_of(st.binary(max_size=200), mutations()))
def test_any_bytes_have_a_header_or_a_reason(body):
    try:
        header = read_header(body)
    except ImageFailureError as failure:
        assert failure.detail  # noqa: PT017 (either outcome will do)
        return
    assert header.format == sniff_format(body)
    assert header.width > 0
    assert header.height > 0
    assert 1 <= header.orientation <= 8


def test_png_that_claims_more_than_memory_holds():
    ihdr = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 6, 0, 0, 0)
    chunk = struct.pack(">I", len(ihdr)) + b"IHDR" + ihdr + struct.pack(">I", zlib.crc32(b"IHDR" + ihdr))
    header = read_header(b"\x89PNG\r\n\x1a\n" + chunk)
    assert header.width * header.height > 2**61


@pytest.mark.parametrize("length", [0x7FFF_FFFF, 0xFFFF_FFFF, 100_000])
def test_png_chunk_longer_than_the_file(length):
    body = bytearray(encoded(photo(1, (40, 30)), "PNG"))
    at = body.index(b"IDAT") - 4
    body[at : at + 4] = length.to_bytes(4, "big")
    with pytest.raises(ImageFailureError, match="chunk longer than the file"):
        read_header(bytes(body))


@pytest.mark.parametrize("options", [{}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"}], ids=["simple", "extended"])
def test_a_hole_of_zeros_in_lossy_webp_is_told(options):
    """libwebp decodes it without a word."""
    body = encoded(photo(1, (320, 240)), "WEBP", quality=90, **options)
    start = len(body) // 3
    whole = body + bytes(5000)  # behind the file no decoder reads
    assert open_image(whole).header.width == 320
    with pytest.raises(ImageFailureError, match="hole of more than 664 zeros"):
        open_image(body[:start] + bytes(700) + body[start + 700 :])


@pytest.mark.parametrize("quality", [1, 60, 100])
@pytest.mark.parametrize("method", [0, 4])
def test_images_of_one_colour_have_no_hole(quality, method):
    for colour in ("black", "white"):
        body = encoded(Image.new("RGB", (1600, 1200), colour), "WEBP", quality=quality, method=method)
        assert open_image(body).header.width == 1600
