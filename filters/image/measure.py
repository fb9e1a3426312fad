"""What is to be known of an image that is stored already: its format, its size, its hashes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

from babelsift.filters.image.container import open_image
from babelsift.filters.image.decoding.complete import decode_complete
from babelsift.filters.image.decoding.decode import LARGE_IMAGES, decode_image, is_large
from babelsift.filters.image.facts import PixelFacts, facts_of
from babelsift.filters.image.failure import ImageFailureError
from babelsift.filters.image.hashing.luminance import grey_of
from babelsift.filters.image.hashing.pdq import pdq_hash
from babelsift.filters.image.process import ImageFailure
from babelsift.schemas import RejectReason


@dataclass(frozen=True)
class MeasuredImage(PixelFacts):
    """A stored image that decodes; width and height are px, upright, and the facts are of these pixels.

    PDQ's hash and its quality are None where they were not asked for.
    """

    format: str
    width: int
    height: int
    pdq: bytes | None = None
    pdq_quality: int | None = None


def measure_image(
    body: bytes,
    *,
    max_source_pixels: int,
    max_missing_rows: float = 0.0625,
    with_pdq: bool = False,
    has_complained: Callable[[], bool] | None = None,
    large_images: AbstractContextManager[object] = LARGE_IMAGES,
) -> MeasuredImage | ImageFailure:
    """Returns what a stored image is, or why it is none; raises for no input.

    Args:
        body: the file.
        max_source_pixels: larger images are not decoded.
        max_missing_rows: share of the rows of a JPEG; one that lacks as many or more is undecodable.
        with_pdq: whether PDQ's hash is computed.
        has_complained: as of `process_image`.
        large_images: as of `process_image`.
    """
    try:
        file = open_image(body)
        header = file.header
        if header.width * header.height > max_source_pixels:
            raise ImageFailureError(RejectReason.TOO_MANY_PIXELS, f"{header.width}x{header.height} px")
        with large_images if is_large(header) else nullcontext():
            decoded = decode_complete(
                file,
                partial(decode_image, header=header),
                max_missing_rows=max_missing_rows,
                has_complained=has_complained,
            )
            pixels = decoded.pixels
            facts = facts_of(pixels)
            pdq, pdq_quality = pdq_hash(grey_of(pixels)) if with_pdq else (None, None)
    except ImageFailureError as failure:
        return ImageFailure(failure.reason, failure.detail)
    height, width = pixels.shape[:2]
    return MeasuredImage(
        **facts.columns(), format=header.format, width=width, height=height, pdq=pdq, pdq_quality=pdq_quality
    )
