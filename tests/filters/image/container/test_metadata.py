"""The blocks of metadata that are handed on: found in every container, put together, bounded."""

from __future__ import annotations

import struct
import zlib

import pytest
from PIL import Image

from babelsift.filters.image import MetadataBlocks, ProcessedImage, open_image, process_image
from babelsift.filters.image.container.metadata import MAX_BLOCK_BYTES
from babelsift.schemas.recipe import DownloadSettings
from tests.support.hostile_web import encoded, photo
from tests.support.image_files import (
    gif_extension,
    gif_with,
    iso_box,
    jpeg_segment,
    jpeg_with,
    png_with,
    riff_chunk,
    webp_with,
)

PICTURE = photo(3, (64, 48))
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
MORE_XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + b"further" * 20_000 + b"</x:xmpmeta>"
IPTC = b"\x1c\x02\x50\0\x05Maker"
TIFF = b"MM\0*\0\0\0\x08\0\0"
JPEG, PNG, GIF = encoded(PICTURE), encoded(PICTURE, "PNG"), encoded(PICTURE.quantize(16), "GIF")
EXIF = Image.Exif()
EXIF[0x010F] = "Maker"
WEBP, AVIF = encoded(PICTURE, "WEBP", exif=EXIF), encoded(PICTURE, "AVIF", exif=EXIF, xmp=XMP)


def resource(number: int, name: bytes, content: bytes) -> bytes:
    name = bytes([len(name)]) + name
    padded = [part + b"\0" * (len(part) % 2) for part in (name, content)]
    return b"8BIM" + struct.pack(">H", number) + padded[0] + struct.pack(">I", len(content)) + padded[1]


def manifest(content: bytes, kind: bytes = b"c2pa") -> bytes:
    """A JUMBF box as C2PA has it."""
    described = iso_box(b"jumd", kind + bytes.fromhex("00110010800000aa00389b71") + b"\x03c2pa\0")
    return iso_box(b"jumb", described + iso_box(b"cbor", content))


def app11(box: int, order: int, piece: bytes) -> bytes:
    return jpeg_segment(0xEB, b"JP" + struct.pack(">HI", box, order) + piece)


def in_pieces(box: int, whole: bytes, size: int) -> list[bytes]:
    header, content = whole[:8], whole[8:]
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    return [app11(box, order, header + piece) for order, piece in enumerate(pieces, start=1)]


def metadata(body: bytes) -> MetadataBlocks:
    return open_image(body).metadata


def test_a_file_without_metadata():
    for body in (JPEG, PNG, GIF, encoded(PICTURE, "BMP"), encoded(PICTURE, "WEBP"), encoded(PICTURE, "AVIF")):
        assert metadata(body) == MetadataBlocks()


def test_jpeg():
    photoshop = resource(0x03ED, b"", b"x" * 16) + resource(0x0404, b"name", IPTC) + resource(0x0425, b"", b"y" * 15)
    body = jpeg_with(
        JPEG,
        jpeg_segment(0xE1, b"Exif\0\0" + TIFF),
        jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
        jpeg_segment(0xED, b"Photoshop 3.0\0" + photoshop[:30]),
        jpeg_segment(0xED, b"Photoshop 3.0\0" + photoshop[30:]),
        app11(1, 1, manifest(b"claim")),
    )
    assert metadata(body) == MetadataBlocks(exif=TIFF, xmp=(XMP,), iptc=IPTC, c2pa=manifest(b"claim"))


def test_jpeg_with_blocks_in_pieces():
    pieces = []
    for at in range(0, len(MORE_XMP), 60_000):
        head = b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 32 + struct.pack(">II", len(MORE_XMP), at)
        pieces.append(jpeg_segment(0xE1, head + MORE_XMP[at : at + 60_000]))
    main = jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)
    other = in_pieces(1, manifest(b"of another kind" * 9000, kind=b"abcd"), 60_000)
    whole = manifest(b"claim" * 30_000)
    body = jpeg_with(JPEG, *reversed(pieces), main, *other, *reversed(in_pieces(2, whole, 60_000)))
    assert metadata(body) == MetadataBlocks(xmp=(XMP, MORE_XMP), c2pa=whole)


def hexadecimal(kind: bytes, block: bytes) -> bytes:
    digits = block.hex().encode()
    lines = b"\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    return b"\n" + kind + b"\n" + str(len(block)).rjust(8).encode() + b"\n" + lines + b"\n"


@pytest.mark.parametrize(
    ("chunk", "blocks"),
    [
        ((b"eXIf", TIFF), MetadataBlocks(exif=TIFF)),
        ((b"caBX", manifest(b"claim")), MetadataBlocks(c2pa=manifest(b"claim"))),
        ((b"iTXt", b"XML:com.adobe.xmp\0\0\0en\0translated\0" + XMP), MetadataBlocks(xmp=(XMP,))),
        ((b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)), MetadataBlocks(xmp=(XMP,))),
        ((b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + b"no stream"), MetadataBlocks()),
        ((b"iTXt", b"XML:com.adobe.xmp\0\1\0no end"), MetadataBlocks()),
        ((b"iTXt", b"XML:com.adobe.xmp\0"), MetadataBlocks()),
        ((b"iTXt", b"Comment\0\0\0\0\0" + XMP), MetadataBlocks()),
        ((b"tEXt", b"Raw profile type exif\0" + hexadecimal(b"exif", b"Exif\0\0" + TIFF)), MetadataBlocks(exif=TIFF)),
        ((b"zTXt", b"Raw profile type xmp\0\0" + zlib.compress(hexadecimal(b"xmp", XMP))), MetadataBlocks(xmp=(XMP,))),
        (
            (b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(hexadecimal(b"iptc", resource(0x0404, b"", IPTC)))),
            MetadataBlocks(iptc=IPTC),
        ),
        ((b"tEXt", b"Raw profile type iptc\0" + hexadecimal(b"iptc", IPTC)), MetadataBlocks(iptc=IPTC)),
        ((b"tEXt", b"Raw profile type exif\0\nexif\n4\nnot hex"), MetadataBlocks()),
        ((b"tEXt", b"Raw profile type exif\0"), MetadataBlocks()),
        ((b"tEXt", b"no keyword"), MetadataBlocks()),
    ],
)
def test_png(chunk, blocks):
    assert metadata(png_with(PNG, [chunk])) == blocks
    assert metadata(png_with(PNG, [chunk], before=b"IEND")) == blocks


def test_the_first_block_of_a_kind_counts():
    assert metadata(png_with(PNG, [(b"eXIf", TIFF), (b"eXIf", TIFF + b"second")])).exif == TIFF


def test_webp():
    body = webp_with(WEBP, riff_chunk(b"XMP ", XMP), riff_chunk(b"C2PA", manifest(b"claim")))
    found = metadata(body)
    assert (found.xmp, found.c2pa) == ((XMP,), manifest(b"claim"))
    assert found.exif == open_image(body).header.exif
    assert found.exif.startswith((b"MM\0*", b"II*\0"))


def test_gif():
    trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    packet = b"\x21\xff\x0bXMP DataXMP" + XMP + trailer
    body = gif_with(GIF, packet, gif_extension(b"C2PA_GIF\x01\0\0", manifest(b"claim" * 200)))
    assert metadata(body) == MetadataBlocks(xmp=(XMP,), c2pa=manifest(b"claim" * 200))


def test_avif():
    store = bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + bytes(4) + b"manifest\0" + bytes(8)
    found = metadata(AVIF + iso_box(b"uuid", store + manifest(b"claim")))
    assert (found.xmp, found.c2pa) == ((XMP,), manifest(b"claim"))
    assert found.exif.startswith((b"MM\0*", b"II*\0"))
    assert b"Maker" in found.exif


LONG = bytes(MAX_BLOCK_BYTES + 1)


@pytest.mark.parametrize(
    ("body", "omitted"),
    [
        (png_with(PNG, [(b"eXIf", LONG)]), "exif"),
        (png_with(PNG, [(b"caBX", LONG)]), "c2pa"),
        (png_with(PNG, [(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + LONG)]), "xmp"),
        (png_with(PNG, [(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(LONG))]), "xmp"),
        (png_with(PNG, [(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(hexadecimal(b"iptc", LONG)))]), "iptc"),
        (png_with(PNG, [(b"tEXt", b"Raw profile type xmp\0" + hexadecimal(b"xmp", LONG))]), "xmp"),
        (webp_with(WEBP, riff_chunk(b"C2PA", LONG)), "c2pa"),
        (jpeg_with(JPEG, *in_pieces(1, manifest(LONG), 60_000)), "c2pa"),
        (jpeg_with(JPEG, *in_pieces(1, manifest(LONG * 5), 60_000)), "c2pa"),
        (gif_with(GIF, gif_extension(b"C2PA_GIF\x01\0\0", LONG)), "c2pa"),
    ],
)
def test_longer_blocks_are_left_out_and_said(body, omitted):
    found = metadata(body)
    assert found.omitted == (omitted,)
    assert not any((getattr(found, omitted), found.exif and omitted == "exif"))


def test_a_block_as_long_as_may_be():
    assert len(metadata(png_with(PNG, [(b"caBX", LONG[1:])])).c2pa) == MAX_BLOCK_BYTES
    deflated = (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(LONG[1:]))
    assert len(metadata(png_with(PNG, [deflated])).xmp[0]) == MAX_BLOCK_BYTES


def test_blocks_go_with_the_processed_image():
    body = jpeg_with(JPEG, jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP))
    image = process_image(body, DownloadSettings())
    assert isinstance(image, ProcessedImage)
    assert image.metadata == MetadataBlocks(xmp=(XMP,))
