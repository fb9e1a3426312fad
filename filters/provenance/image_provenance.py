"""What an image's own metadata says of how it came to be, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from babelsift.filters.provenance.generator import image_generator
from babelsift.filters.provenance.source_type import GENERATED, NOT_GENERATED, digital_source_type

if TYPE_CHECKING:
    from collections.abc import Iterable

    from babelsift.filters.provenance.metadata import ImageMetadata


@dataclass(frozen=True)
class ImageProvenance:
    """How an image came to be, as its metadata says; each is a column of its name.

    Attributes:
        image_generated: whether a program has generated it or a part of it; None: nothing says.
        image_source_type: IPTC's digital source type; None: there is none.
        image_generator: the generator that has left its name or settings; None: no known one has.
        image_c2pa: whether there is a C2PA manifest. Nobody has checked its signature.
    """

    image_generated: bool | None = None
    image_source_type: str | None = None
    image_generator: str | None = None
    image_c2pa: bool | None = None


def provenance_of(metadata: ImageMetadata, software: Iterable[str] = ()) -> ImageProvenance:
    """Returns what an image's metadata says of how it came to be.

    Args:
        metadata: the blocks as served, of any bytes.
        software: what EXIF names as software and make.
    """
    source_type = digital_source_type(metadata.xmp, metadata.c2pa)
    generator = image_generator(metadata, software)
    is_generated = None
    if generator is not None or source_type in GENERATED:
        is_generated = True
    elif source_type in NOT_GENERATED:
        is_generated = False
    return ImageProvenance(is_generated, source_type, generator, bool(metadata.c2pa) or "c2pa" in metadata.omitted)
