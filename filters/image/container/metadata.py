"""The metadata that image files carry beside their pixels: collected within bounds, never interpreted here."""

from __future__ import annotations

import binascii
import struct
import zlib
from dataclasses import dataclass

MAX_BLOCK_BYTES = 2**20  # of each kind; EXIF and IPTC have tens of KB, C2PA manifests with thumbnails hundreds
_MAX_RESOURCES = 1000
_MAX_TEXTS, _MAX_TEXT_BYTES = 16, 4096  # what programs say of themselves stands at the beginning
_MAX_INFLATIONS = 8  # a file has a block or two that are compressed
_EXIF_PREFIX = b"Exif\0\0"
_RESOURCE = b"8BIM"
_IPTC_RESOURCE = 0x0404


@dataclass(frozen=True)
class MetadataBlocks:
    """The blocks of metadata in an image file, as bytes that nobody has interpreted.

    Attributes:
        exif: the TIFF-structured EXIF block, without the prefix that some containers give it.
        xmp: XMP packets, each an XML document: the main one first, then what a JPEG extends it by.
        iptc: IPTC-IIM data sets.
        c2pa: the JUMBF box of a C2PA manifest store.
        texts: (keyword, the beginning of the text, at most 4 KiB) of a PNG's chunks that name or describe its making.
        omitted: names of the fields whose blocks are left out because they are longer than 1 MiB, in order.
    """

    exif: bytes = b""
    xmp: tuple[bytes, ...] = ()
    iptc: bytes = b""
    c2pa: bytes = b""
    texts: tuple[tuple[str, bytes], ...] = ()
    omitted: tuple[str, ...] = ()


class MetadataCollector:
    """Collects a file's blocks while its container is walked; of each kind the first block counts.

    Args:
        max_block_bytes: the longest block that is kept, of each kind.
    """

    def __init__(self, max_block_bytes: int = MAX_BLOCK_BYTES) -> None:
        self._max_bytes = max_block_bytes
        self._blocks: dict[str, bytes] = {}
        self._omitted: set[str] = set()
        self._texts: list[tuple[str, bytes]] = []
        self._further_xmp = b""
        self._inflations = 0

    def add(self, kind: str, block: bytes) -> None:
        """Adds a block of `exif`, `xmp`, `iptc` or `c2pa`."""
        if kind == "exif":
            block = block.removeprefix(_EXIF_PREFIX)
        if len(block) > self._max_bytes:
            self._omitted.add(kind)
        elif block:
            self._blocks.setdefault(kind, block)

    def add_further_xmp(self, packet: bytes) -> None:
        """Adds the packet by which a JPEG extends its main one."""
        if len(packet) > self._max_bytes:
            self._omitted.add("xmp")
        else:
            self._further_xmp = self._further_xmp or packet

    def add_deflated(self, kind: str, stream: bytes, *, is_raw_profile: bool = False) -> None:
        """Adds a block that is stored as a zlib stream; no more of it is inflated than may be kept.

        Args:
            kind: `exif`, `xmp` or `iptc`.
            stream: the zlib stream.
            is_raw_profile: whether the inflated block is what `add_raw_profile` takes.
        """
        self._inflations += 1
        if self._inflations > _MAX_INFLATIONS or kind in self._blocks or kind in self._omitted:
            return
        most = (2 * self._max_bytes if is_raw_profile else self._max_bytes) + 64  # a raw profile is in hex digits
        inflater = zlib.decompressobj()
        try:
            block = inflater.decompress(stream, most)
        except zlib.error:
            return
        if len(block) >= most:
            self._omitted.add(kind)
        elif is_raw_profile:
            self.add_raw_profile(kind, block)
        else:
            self.add(kind, block)

    def add_text(self, keyword: str, text: bytes, *, is_deflated: bool = False) -> None:
        """Adds the beginning of a text; is_deflated: whether it is a zlib stream."""
        if len(self._texts) >= _MAX_TEXTS:
            return
        if is_deflated:
            self._inflations += 1
            if self._inflations > _MAX_INFLATIONS:
                return
            try:
                text = zlib.decompressobj().decompress(text, _MAX_TEXT_BYTES)
            except zlib.error:
                return
        self._texts.append((keyword, text[:_MAX_TEXT_BYTES]))

    def add_raw_profile(self, kind: str, text: bytes) -> None:
        """Adds a block that a PNG has as ImageMagick writes it: a name, a length and hex digits, on lines."""
        if len(text) > 3 * self._max_bytes:
            self._omitted.add(kind)
            return
        lines = text.strip().split(b"\n", 2)
        try:
            block = binascii.unhexlify(b"".join(lines[2].split())) if len(lines) == 3 else b""
        except binascii.Error:
            return
        if kind == "iptc" and block.startswith(_RESOURCE):
            self.add_photoshop(block)
        else:
            self.add(kind, block)

    def add_photoshop(self, resources: bytes) -> None:
        """Adds the IPTC data among Photoshop's image resources."""
        position = 0
        for _ in range(_MAX_RESOURCES):
            if resources[position : position + 4] != _RESOURCE or position + 12 > len(resources):
                return
            (number,) = struct.unpack_from(">H", resources, position + 4)
            start = position + 6 + (resources[position + 6] + 2) // 2 * 2  # a name, with its length, padded to even
            if start + 4 > len(resources):
                return
            (length,) = struct.unpack_from(">I", resources, start)
            if number == _IPTC_RESOURCE:
                self.add("iptc", resources[start + 4 : start + 4 + length])
                return
            position = start + 4 + (length + 1) // 2 * 2

    def blocks(self) -> MetadataBlocks:
        """Returns what was collected."""
        taken = self._blocks
        packets = (taken.get("xmp", b""), self._further_xmp)
        return MetadataBlocks(
            exif=taken.get("exif", b""),
            xmp=tuple(packet for packet in packets if packet),
            iptc=taken.get("iptc", b""),
            c2pa=taken.get("c2pa", b""),
            texts=tuple(self._texts),
            omitted=tuple(sorted(self._omitted)),
        )
