"""What a decoder is given of a file: no more than shapes the pixels, which are the same as of the whole file."""

from __future__ import annotations

import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from babelsift.filters.image import ImageFailureError, ProcessedImage, open_image, process_image
from babelsift.filters.image.decoding.decode import decode_image
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings
from tests.support.hostile_web import encoded, photo
from tests.support.image_files import (
    gif_extension,
    gif_with,
    iso_box,
    jpeg_segment,
    jpeg_with,
    png_chunks,
    png_with,
    riff_chunk,
    webp_with,
)

PICTURE = photo(3, (64, 48))
ALPHA = Image.merge("RGBA", [*PICTURE.split(), Image.linear_gradient("L").resize(PICTURE.size)])
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
FRAMES = {"save_all": True, "append_images": [PICTURE.rotate(90), PICTURE.rotate(180)]}


def text_chunks() -> PngImagePlugin.PngInfo:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", "a picture")
    texts.add_text("Comment", "inflated" * 1000, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
    texts.add(b"gAMA", (30_000).to_bytes(4, "big"))
    texts.add(b"bKGD", bytes(6))
    texts.add(b"pHYs", bytes(9))
    return texts


def decoded(body: bytes) -> np.ndarray | None:
    return cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_UNCHANGED)


def upright(pixels: bytes, body: bytes) -> np.ndarray:
    return decode_image(pixels, open_image(body).header).pixels


def exif() -> Image.Exif:
    block = Image.Exif()
    block[0x0112], block[0x010E] = 6, "a description" * 40
    return block


BESIDES = {"exif": exif(), "icc_profile": PROFILE, "xmp": XMP}
FILES = {
    "png": encoded(PICTURE, "PNG", pnginfo=text_chunks(), exif=exif(), icc_profile=PROFILE),
    "png of a palette": encoded(PICTURE.quantize(16), "PNG", pnginfo=text_chunks(), transparency=3),
    "png of grey with alpha": encoded(ALPHA.convert("LA"), "PNG", icc_profile=PROFILE),
    "png of 16 bits": encoded(Image.fromarray(np.arange(3072, dtype=np.uint16).reshape(48, 64) * 21), "PNG"),
    "animated png": encoded(PICTURE, "PNG", **FRAMES),
    "animated png beside a still": encoded(PICTURE, "PNG", default_image=True, **FRAMES),
    "animated png of a palette": encoded(
        PICTURE.quantize(16), "PNG", save_all=True, append_images=[PICTURE.rotate(90).quantize(16)]
    ),
    "jpg": encoded(PICTURE, "JPEG", comment=b"a comment", **BESIDES),
    "progressive jpg": encoded(PICTURE, "JPEG", progressive=True, **BESIDES),
    "cmyk jpg": encoded(PICTURE.convert("CMYK"), "JPEG", exif=exif()),
    "grey jpg": encoded(PICTURE.convert("L"), "JPEG", xmp=XMP),
    "webp": encoded(PICTURE, "WEBP", **BESIDES),
    "webp of one chunk": encoded(PICTURE, "WEBP"),
    "lossless webp": encoded(ALPHA, "WEBP", lossless=True, **BESIDES),
    "lossy webp with alpha": encoded(ALPHA, "WEBP", quality=60, exif=exif()),
    "animated webp": encoded(PICTURE, "WEBP", **FRAMES, **BESIDES),
    "animated webp with alpha": encoded(ALPHA, "WEBP", save_all=True, append_images=[ALPHA.rotate(90)]),
    "gif": encoded(PICTURE.quantize(32), "GIF", comment=b"a comment"),
    "interlaced gif": encoded(PICTURE.quantize(32), "GIF", interlace=1, transparency=5),
    "animated gif": encoded(PICTURE.quantize(32), "GIF", loop=0, comment=b"x" * 600, **FRAMES),
    "animated gif with alpha": encoded(ALPHA, "GIF", save_all=True, append_images=[ALPHA.rotate(9)], disposal=2),
    "bmp": encoded(PICTURE, "BMP"),
    "avif": encoded(PICTURE, "AVIF", **BESIDES),
    "avif with alpha": encoded(ALPHA, "AVIF", exif=exif()),
    "animated avif": encoded(PICTURE, "AVIF", **FRAMES),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_left_has_the_same_pixels(name):
    body = FILES[name]
    pixels = open_image(body).pixels
    assert np.array_equal(upright(body, body), upright(pixels, body))
    for metadata in (XMP, PROFILE, b"a comment", b"a description"):
        assert metadata not in pixels or "avif" in name


@pytest.mark.parametrize("name", ["png of 16 bits", "webp of one chunk", "bmp", "avif"])
def test_a_file_of_nothing_but_pixels_is_not_copied(name):
    assert open_image(FILES[name]).pixels is FILES[name]


def test_a_decoder_sees_one_frame():
    assert {kind for kind, _ in png_chunks(open_image(FILES["animated png"]).pixels)} == {b"IHDR", b"IDAT", b"IEND"}
    assert open_image(FILES["animated webp"]).pixels.count(b"ANMF") == 1
    gif = FILES["animated gif"]
    assert len(open_image(gif).pixels) < len(gif) / 2


@pytest.mark.parametrize("name", [name for name in FILES if "bmp" not in name])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_a_file_that_is_cut_is_refused_as_ever(name, share):
    body = FILES[name][: int(len(FILES[name]) * share)]
    try:
        file = open_image(body)
    except ImageFailureError as failure:
        assert failure.reason is RejectReason.IMAGE_UNDECODABLE  # noqa: PT017 (either will do)
        return
    if decoded(body) is None:
        with pytest.raises(ImageFailureError):
            decode_image(file.pixels, file.header)


# --- what would hold a decoder up

BOMB = zlib.compress(bytes(8_000_000))
PNG = encoded(PICTURE, "PNG")


@pytest.mark.parametrize(
    "chunk",
    [
        (b"zTXt", b"Comment\0\0" + BOMB),
        (b"iTXt", b"Comment\0\1\0\0\0" + BOMB),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + BOMB),
        (b"zTXt", b"Raw profile type exif\0\0" + BOMB),
        (b"iCCP", b"profile\0\0" + BOMB),
        (b"tEXt", b"Comment\0" + bytes(8000)),
        (b"sPLT", b"palette\0\x08" + bytes(6000)),
        (b"abCd", bytes(8000)),
    ],
)
def test_a_png_with_a_thousand_chunks_that_inflate(chunk):
    body = png_with(PNG, [chunk] * 1000)
    assert open_image(body).pixels == PNG
    image, plain = (process_image(content, DownloadSettings()) for content in (body, PNG))
    assert isinstance(image, ProcessedImage)
    assert image.data == plain.data
    assert image.metadata.xmp == ()


def test_more_chunks_than_files_have():
    body = png_with(PNG, [(b"tEXt", b"a\0")] * 70_000)
    with pytest.raises(ImageFailureError, match="png of more than 65536 chunks"):
        open_image(body)
    webp = webp_with(FILES["webp"], riff_chunk(b"junk", b"") * 11_000)
    with pytest.raises(ImageFailureError, match="webp of more than 10000 chunks"):
        open_image(webp)
    gif = gif_with(FILES["gif"], gif_extension(b"NETSCAPE2.0", b"\1\0\0") * 110_000)
    with pytest.raises(ImageFailureError, match="gif of more than 100000 blocks"):
        open_image(gif)
    gif = gif_with(FILES["gif"], gif_extension(b"NETSCAPE2.0", b"")[:-1] + b"\1x" * 1_100_000 + b"\0")
    with pytest.raises(ImageFailureError, match="gif of more than 1000000 sub-blocks"):
        open_image(gif)
    avif = FILES["avif"] + iso_box(b"free", b"") * 11_000
    with pytest.raises(ImageFailureError, match="avif of more than 10000 boxes"):
        open_image(avif)


def test_metadata_in_many_segments_reaches_no_decoder():
    plain = encoded(PICTURE, "JPEG")
    body = jpeg_with(plain, jpeg_segment(0xE5, bytes(60_000)) * 50, jpeg_segment(0xFE, b"comment") * 5000)
    assert open_image(body).pixels == plain


def test_segments_that_say_which_colours_pixels_are_in_stay():
    adobe = jpeg_segment(0xEE, b"Adobe\0\x64\0\0\0\0\0")  # no transform: the three components are red, green, blue
    plain = encoded(PICTURE, "JPEG")
    jfif_end = 4 + int.from_bytes(plain[4:6], "big")
    body = plain[:2] + jpeg_segment(0xE1, b"Exif\0\0") + adobe + plain[jfif_end:]
    pixels = open_image(body).pixels
    assert adobe in pixels
    assert np.array_equal(decoded(pixels), decoded(body))
    assert not np.array_equal(decoded(pixels), decoded(plain))


def test_progressive_jpeg_of_many_scans_and_pixels():
    scan = b"\xff\xda\0\x08\1\1\0\0\x3f\0"
    body = encoded(Image.new("L", (6000, 6000)), "JPEG", progressive=True)
    assert open_image(body + scan * 40).header.width == 6000
    with pytest.raises(ImageFailureError, match=r"jpg of 6\d scans of 36000000 px"):
        open_image(body + scan * 55)
