"""The blocks of metadata that are read here, by whatever has taken an image file apart."""

from __future__ import annotations

from typing import Protocol


class ImageMetadata(Protocol):
    """An image file's blocks of metadata; `babelsift.filters.image.container.MetadataBlocks` says what each holds."""

    @property
    def exif(self) -> bytes:
        """The TIFF-structured EXIF block."""
        ...

    @property
    def xmp(self) -> tuple[bytes, ...]:
        """XMP packets."""
        ...

    @property
    def iptc(self) -> bytes:
        """IPTC-IIM data sets."""
        ...

    @property
    def c2pa(self) -> bytes:
        """The JUMBF box of a C2PA manifest store."""
        ...

    @property
    def texts(self) -> tuple[tuple[str, bytes], ...]:
        """(keyword, the beginning of the text) of a PNG's chunks."""
        ...

    @property
    def omitted(self) -> tuple[str, ...]:
        """Names of the fields that are left out, as they are too long."""
        ...
