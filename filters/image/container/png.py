"""PNG: its chunks, walked without inflating any; text, profiles and further frames do not reach a decoder.

A chunk of text or a profile inflates to megabytes from kilobytes, and libpng inflates each of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from babelsift.filters.image.container.image_file import ImageFile, ImageHeader, KeptRanges, broken
from babelsift.filters.image.container.metadata import MetadataCollector
from babelsift.filters.image.exif import orientation_in

_MAX_CHUNKS = 2**16  # most encoders write 8 KB of pixels a chunk, the largest files then have some thousands
# Nothing else shapes the pixels that OpenCV makes of a still.
_PIXELS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_RAW_PROFILES = {
    b"Raw profile type exif": "exif",
    b"Raw profile type APP1": "exif",
    b"Raw profile type xmp": "xmp",
    b"Raw profile type iptc": "iptc",
}
# Under these programs that make images write their names and settings.
_OF_MAKING = (
    "Software", "Description", "parameters", "prompt", "workflow",
    "Dream", "sd-metadata", "invokeai_metadata", "fooocus_scheme",
)  # fmt: skip
_TEXTS = {keyword.encode(): keyword for keyword in _OF_MAKING}


def open_png(body: bytes) -> ImageFile:
    """Returns a PNG taken apart.

    Raises:
        ImageFailureError: no IHDR, a chunk longer than the file, or more than 65 536 chunks.
    """
    if body[12:16] != b"IHDR":
        raise broken("png without IHDR")
    width, height = struct.unpack_from(">II", body, 16)
    kept, metadata, exif, frame = KeptRanges(), MetadataCollector(), b"", _FirstFrame()
    kept.keep(0, 8)
    for kind, start, end in _chunks(body):
        if end - start > len(body) and kind != b"IEND":
            # OpenCV takes and clears as much memory as a chunk says it has, gigabytes, before it looks for its bytes
            raise broken("png with a chunk longer than the file")
        # an unknown chunk that must be understood is the decoder's to refuse
        if kind in _PIXELS or not kind[0] & 0x20 or frame.has(kind, body, end):
            kept.keep(start - 8, min(end + 4, len(body)))
        elif kind == b"eXIf":
            exif = exif or body[start:end]
            metadata.add("exif", body[start:end])
        else:
            _collect(kind, body, start, end, metadata)
        if kind == b"IEND":
            break
    header = ImageHeader("png", width, height, orientation_in(exif), exif)
    return ImageFile(header, kept.of(body), metadata.blocks())


class _FirstFrame:
    """Follows an animation's chunks. OpenCV takes the first frame, which most often is the still itself, in IDAT.

    Where the still is no frame, the animation's beginning and the first frame after it have to stay.
    """

    def __init__(self) -> None:
        self._frames = 0
        self._is_animated = False
        self._is_still_a_frame = True

    def has(self, kind: bytes, body: bytes, end: int) -> bool:
        """Whether a chunk is needed for the first frame although it is none of a still's."""
        if kind == b"acTL" and not self._is_animated:
            self._is_animated = True
            # the still is a frame where a frame's header comes before its pixels
            still, header = body.find(b"IDAT", end), body.find(b"fcTL", end)
            self._is_still_a_frame = -1 < header < still
            return not self._is_still_a_frame
        if kind == b"fcTL":
            self._frames += 1
        return kind in (b"fcTL", b"fdAT") and not self._is_still_a_frame and self._frames == 1


def _chunks(body: bytes) -> Iterator[tuple[bytes, int, int]]:
    position = 8
    for _ in range(_MAX_CHUNKS):
        if position + 8 > len(body):
            return
        length, kind = struct.unpack_from(">I4s", body, position)
        yield kind, position + 8, position + 8 + length
        position += length + 12
    raise broken(f"png of more than {_MAX_CHUNKS} chunks")


def _collect(kind: bytes, body: bytes, start: int, end: int, metadata: MetadataCollector) -> None:
    """Hands on an ancillary chunk that holds metadata."""
    if kind == b"caBX":
        metadata.add("c2pa", body[start:end])
    elif kind == b"iTXt" and body.startswith(_XMP_KEYWORD + b"\0", start):
        flags = start + len(_XMP_KEYWORD) + 1
        fields = body[flags + 2 : end].split(b"\0", 2)  # a language, a translated keyword, the text
        if len(fields) == 3:
            (metadata.add_deflated if body[flags] else metadata.add)("xmp", fields[2])
    elif kind == b"iTXt":
        keyword, separator, _ = body[start : min(end, start + 80)].partition(b"\0")
        if separator and (known := _TEXTS.get(keyword)):
            flags = start + len(keyword) + 1
            fields = body[flags + 2 : end].split(b"\0", 2)
            if len(fields) == 3:
                metadata.add_text(known, fields[2], is_deflated=body[flags] == 1)
    elif kind in (b"tEXt", b"zTXt"):
        keyword, separator, _ = body[start : min(end, start + 80)].partition(b"\0")
        block = _RAW_PROFILES.get(keyword) if separator else None
        text = start + len(keyword) + 1
        if block is None:
            if separator and (known := _TEXTS.get(keyword)):
                is_deflated = kind == b"zTXt"
                metadata.add_text(known, body[text + is_deflated : end], is_deflated=is_deflated)
            return
        if kind == b"tEXt":
            metadata.add_raw_profile(block, body[text:end])
        else:
            metadata.add_deflated(block, body[text + 1 : end], is_raw_profile=True)
