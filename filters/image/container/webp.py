"""WebP: RIFF chunks; profiles, unknown chunks and all frames but the first do not reach a decoder."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from babelsift.filters.image.container.image_file import MAX_PARTS, ImageFile, ImageHeader, KeptRanges, broken
from babelsift.filters.image.container.metadata import MetadataCollector
from babelsift.filters.image.exif import orientation_in

_EXIF_PREFIX = b"Exif\0\0"
_METADATA = {b"EXIF": "exif", b"XMP ": "xmp", b"C2PA": "c2pa"}
_PIXELS = frozenset({b"ALPH", b"VP8 ", b"VP8L", b"ANIM"})
_HAS_PROFILE_OR_METADATA = 0x20 | 0x08 | 0x04
# Zeros in lossy data are valid code, so a decoder notices no hole. One-coloured images have runs of them, too: libwebp
# wrote up to 0.72 bytes a macroblock, over all qualities and methods.
_ZEROS_A_MACROBLOCK, _ZEROS_IN_ANY = 2, 64


def open_webp(body: bytes) -> ImageFile:
    """Returns a WebP taken apart.

    Raises:
        ImageFailureError: its first chunk is no image, there are more than 10 000 chunks, or its lossy data has a run
            of zeros that is longer than encoders write.
    """
    kind = body[12:16]
    if kind == b"VP8 ":
        if body[23:26] != b"\x9d\x01\x2a":
            raise broken("webp without a key frame")
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", body, 26))
        _check_hole(body, 30, 20 + int.from_bytes(body[16:20], "little"), width, height)
        return _still(body, width, height)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", body, 21)
        return _still(body, (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind != b"VP8X":
        raise broken("webp without an image")
    if len(body) < 30:
        raise broken("webp header is cut short")
    return _extended(body)


def _still(body: bytes, width: int, height: int) -> ImageFile:
    """A file of one chunk; what follows it no decoder reads."""
    return ImageFile(ImageHeader("webp", width, height), body)


def _extended(body: bytes) -> ImageFile:
    width = int.from_bytes(body[24:27], "little") + 1
    height = int.from_bytes(body[27:30], "little") + 1
    kept, metadata, exif, frames = KeptRanges(), MetadataCollector(), b"", 0
    said = 8 + int.from_bytes(body[4:8], "little")  # bytes of the file; what is behind them no decoder reads
    for name, start, end in _chunks(body, min(said, len(body))):
        padded = min(end + (end - start) % 2, len(body))
        frames += name == b"ANMF"
        if name == b"VP8 ":
            _check_hole(body, start, end, width, height)
        if start == 20 or name in _PIXELS or (name == b"ANMF" and frames == 1):
            kept.keep(start - 8, padded)
        elif name in _METADATA:
            metadata.add(_METADATA[name], body[start:end])
            if name == b"EXIF":
                exif = exif or body[start:end].removeprefix(_EXIF_PREFIX)
    header = ImageHeader("webp", width, height, orientation_in(exif), exif)
    chunks = kept.of(body)
    if len(chunks) == len(body) - 12:
        return ImageFile(header, body, metadata.blocks())
    missing = max(0, said - len(body))  # a file that is cut stays one, for the decoder to refuse
    flags = bytes([chunks[8] & ~_HAS_PROFILE_OR_METADATA])
    riff = b"RIFF" + struct.pack("<I", min(len(chunks) + 4 + missing, 2**32 - 1)) + b"WEBP"
    return ImageFile(header, riff + chunks[:8] + flags + chunks[9:], metadata.blocks())


def _check_hole(body: bytes, start: int, end: int, width: int, height: int) -> None:
    """Raises ImageFailureError where lossy data has a longer run of zeros than images of this size have."""
    macroblocks = -(-width // 16) * -(-height // 16)
    longest = _ZEROS_IN_ANY + _ZEROS_A_MACROBLOCK * macroblocks
    if end - start > longest and body.find(bytes(longest), start, end) >= 0:
        raise broken(f"webp with a hole of more than {longest} zeros in its data")


def _chunks(body: bytes, end: int) -> Iterator[tuple[bytes, int, int]]:
    position = 12
    for _ in range(MAX_PARTS):
        if position + 8 > end:
            return
        kind, length = struct.unpack_from("<4sI", body, position)
        yield kind, position + 8, position + 8 + length
        position += 8 + length + length % 2
    raise broken(f"webp of more than {MAX_PARTS} chunks")
