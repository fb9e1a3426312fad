"""What bytes are, by their magic numbers: never by a name or by what a server calls them."""

from __future__ import annotations

import re

from babelsift.filters.image.failure import ImageFailureError
from babelsift.schemas import RejectReason

ALLOWED_FORMATS = ("jpg", "png", "webp", "gif", "bmp", "avif")

_OTHER_IMAGES = (
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"8BPS", "psd"),
    (b"\0\0\1\0", "ico"),
    (b"\0\0\2\0", "ico"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "jp2"),
    (b"\xff\x4f\xff\x51", "jp2"),
    (b"\xff\x0a", "jxl"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"),
    (b"icns", "icns"),
    (b"\x76\x2f\x31\x01", "exr"),
    (b"#?RADIANCE", "hdr"),
    (b"qoif", "qoi"),
    (b"DDS ", "dds"),
    (b"\xd7\xcd\xc6\x9a", "wmf"),
    (b"gimp xcf", "xcf"),
)
_NO_IMAGES = (
    (b"%PDF", "pdf"),
    (b"%!PS", "postscript"),
    (b"PK\3\4", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"\x1a\x45\xdf\xa3", "matroska"),
    (b"OggS", "ogg"),
    (b"FLV\1", "flv"),
    (b"ID3", "mp3"),
)
_BMP_HEADER_BYTES = (12, 16, 40, 52, 56, 64, 108, 124)
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_TEXT_HEAD_BYTES = 4096
_SVG = re.compile(rb"<(\w+:)?svg[\s>]", re.IGNORECASE)
_HTML = re.compile(rb"<(!doctype\s+html|html|head|body|script|title|meta|div|p|a|h1|br|table|iframe)[\s>/]", re.I)
_NETPBM = re.compile(rb"P[1-7fF]\s")


def sniff_format(body: bytes) -> str:
    """Returns which of ALLOWED_FORMATS the bytes begin as.

    Args:
        body: the bytes of the file.

    Raises:
        ImageFailureError: IMAGE_FORMAT_NOT_ALLOWED for other images, NOT_AN_IMAGE for the rest; detail says what.
    """
    head = body[:32]
    if head.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADER_BYTES:
        return "bmp"
    if head[4:8] == b"ftyp":
        return _sniff_iso_media(body)
    _refuse_by_magic(head)
    raise ImageFailureError(*_text_kind(body))


def is_image(body: bytes) -> bool:
    """Returns whether the bytes begin as an image of ALLOWED_FORMATS.

    >>> is_image(b"GIF89a..."), is_image(b"BMW 3")
    (True, False)
    """
    try:
        return sniff_format(body) in ALLOWED_FORMATS
    except ImageFailureError:
        return False


def _sniff_iso_media(body: bytes) -> str:
    size = min(int.from_bytes(body[:4], "big"), 256)
    brands = {body[8:12], *(body[at : at + 4] for at in range(16, size, 4))}
    if b"avif" in brands:
        return "avif"
    if b"avis" in brands:
        raise ImageFailureError(RejectReason.IMAGE_FORMAT_NOT_ALLOWED, "avif sequence")
    if brands & set(_HEIF_BRANDS):
        raise ImageFailureError(RejectReason.IMAGE_FORMAT_NOT_ALLOWED, "heif")
    raise ImageFailureError(RejectReason.NOT_AN_IMAGE, "video")


def _refuse_by_magic(head: bytes) -> None:
    for magic, name in _OTHER_IMAGES:
        if head.startswith(magic):
            raise ImageFailureError(RejectReason.IMAGE_FORMAT_NOT_ALLOWED, name)
    if _NETPBM.match(head):
        raise ImageFailureError(RejectReason.IMAGE_FORMAT_NOT_ALLOWED, "netpbm")
    for magic, name in _NO_IMAGES:
        if head.startswith(magic):
            raise ImageFailureError(RejectReason.NOT_AN_IMAGE, name)


def _text_kind(body: bytes) -> tuple[RejectReason, str]:
    head = body[:_TEXT_HEAD_BYTES]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head.replace(b"\0", b"")[2:]
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    html = _HTML.search(head)
    svg = _SVG.search(head)
    if svg and start.startswith(b"<") and not (html and html.start() < svg.start()):
        return RejectReason.IMAGE_FORMAT_NOT_ALLOWED, "svg"
    if html:
        return RejectReason.NOT_AN_IMAGE, "html"
    if start.startswith(b"<"):
        return RejectReason.NOT_AN_IMAGE, "xml"
    if start.startswith((b"{", b"[")):
        return RejectReason.NOT_AN_IMAGE, "json"
    if b"\0" not in head and all(byte >= 32 or byte in b"\t\n\r\f" for byte in head):
        return RejectReason.NOT_AN_IMAGE, "text"
    return RejectReason.NOT_AN_IMAGE, f"begins with {body[:8].hex()}"
