"""An image file taken apart: its header, what a decoder is given of it, and the metadata beside the pixels."""

from __future__ import annotations

from dataclasses import dataclass, field

from babelsift.filters.image.container.metadata import MetadataBlocks
from babelsift.filters.image.failure import ImageFailureError
from babelsift.schemas import RejectReason

MAX_PARTS = 10_000  # segments, chunks or boxes of one file; a format that needs another bound has its own


@dataclass(frozen=True)
class ImageHeader:
    """What a header says of an image.

    Attributes:
        format: one of ALLOWED_FORMATS.
        width: px, as coded, before the orientation is applied.
        height: px, as coded.
        orientation: EXIF's 1 to 8.
        exif: the TIFF-structured EXIF block; empty where there is none.
        components: of a JPEG: 1 grey, 3 colour, 4 CMYK; None for the other formats.
    """

    format: str
    width: int
    height: int
    orientation: int = 1
    exif: bytes = b""
    components: int | None = None


@dataclass(frozen=True)
class ImageFile:
    """An image file taken apart.

    Attributes:
        header: read from the container, not from the pixels.
        pixels: the file without everything that does not shape its first frame's pixels, for a decoder; the file itself
            where there is nothing to take away.
        metadata: the blocks of metadata, within bounds; what is neither pixels nor one of them is dropped.
    """

    header: ImageHeader
    pixels: bytes
    metadata: MetadataBlocks = field(default_factory=MetadataBlocks)


def broken(detail: str) -> ImageFailureError:
    """Returns the error for a container that no image can be read from."""
    return ImageFailureError(RejectReason.IMAGE_UNDECODABLE, detail)


class KeptRanges:
    """Collects the byte ranges of a file that stay, in order; neighbours are one range."""

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int]] = []

    def keep(self, start: int, end: int) -> None:
        """Adds the bytes from `start` up to `end`."""
        if self._ranges and self._ranges[-1][1] == start:
            self._ranges[-1] = (self._ranges[-1][0], end)
        elif end > start:
            self._ranges.append((start, end))

    def of(self, body: bytes) -> bytes:
        """Returns what stays of a file; the very object where all of it does."""
        if self._ranges == [(0, len(body))]:
            return body
        return b"".join(body[start:end] for start, end in self._ranges)
