"""What is to be known of an image that is stored already: its format, its size, its hashes."""

from __future__ import annotations

from dataclasses import dataclass

from babelsift.filters.image.decode import decode_image, memory_slot
from babelsift.filters.image.failure import ImageFailureError
from babelsift.filters.image.hashing.hashes import ImageHashes, hash_pixels
from babelsift.filters.image.header import read_header
from babelsift.filters.image.process import ImageFailure
from babelsift.schemas import RejectReason


@dataclass(frozen=True)
class MeasuredImage(ImageHashes):
    """A stored image that decodes; width and height are px, upright, and the hashes are of these pixels."""

    format: str
    width: int
    height: int


def measure_image(body: bytes, *, max_source_pixels: int) -> MeasuredImage | ImageFailure:
    """Returns what a stored image is, or why it is none; raises for no input."""
    try:
        header = read_header(body)
        if header.width * header.height > max_source_pixels:
            raise ImageFailureError(RejectReason.TOO_MANY_PIXELS, f"{header.width}x{header.height} px")
        with memory_slot(header):
            pixels = decode_image(body, header).pixels
            hashes = hash_pixels(pixels)
    except ImageFailureError as failure:
        return ImageFailure(failure.reason, failure.detail)
    height, width = pixels.shape[:2]
    return MeasuredImage(**hashes.columns(), format=header.format, width=width, height=height)
