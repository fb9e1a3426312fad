"""From bytes as served to bytes as stored: sniffed, measured, decoded, resized, encoded and hashed.

The work is done in OpenCV, numpy and hashlib calls that let go of the GIL: call it from a pool of threads.
"""

from __future__ import annotations

from dataclasses import dataclass

from filters.image.decode import DecodedImage, decode_image, memory_slot
from filters.image.exif import exif_json
from filters.image.failure import ImageFailureError
from filters.image.hashes import hashes_of
from filters.image.header import ImageHeader, read_header
from filters.image.resize import encode_image, is_resized, resize_image
from schemas import RejectReason
from schemas.recipe import DownloadSettings


@dataclass(frozen=True)
class ProcessedImage:
    """An image ready to be stored.

    Attributes:
        data: the file to store. extension: its format: jpg, png or webp. width, height: px, of `data`.
        original_width, original_height: px, as served, upright. original_bytes, sha256: of the bytes as served.
        pixels_sha256: of the pixels as decoded, upright, and of their width and height.
        phash: 32 bytes, of the image as served. phash_crops: hashes of its crops. phash_quality: 0 to 1, how much
        structure it has. exif: JSON, None where there is none.
    """

    data: bytes
    extension: str
    width: int
    height: int
    original_width: int
    original_height: int
    original_bytes: int
    sha256: str
    pixels_sha256: str
    phash: bytes
    phash_crops: bytes
    phash_quality: float
    exif: str | None


@dataclass(frozen=True)
class ImageFailure:
    """Why bytes from the web are not stored as an image; `detail` is what was found, in one short line."""

    reason: RejectReason
    detail: str


def process_image(body: bytes, settings: DownloadSettings) -> ProcessedImage | ImageFailure:
    """Returns the image to store, or the reason why there is none; raises for no input.

    Args: body: a file as served, its length bounded by the caller.
    """
    try:
        header = read_header(body)
        _check_size(header, settings)
        with memory_slot(header):
            return _processed(body, header, decode_image(body, header), settings)
    except ImageFailureError as failure:
        return ImageFailure(failure.reason, failure.detail)


def _check_size(header: ImageHeader, settings: DownloadSettings) -> None:
    short, long = sorted((header.width, header.height))
    size = f"{header.width}x{header.height} px"
    if short * long > settings.max_source_pixels:
        raise ImageFailureError(RejectReason.TOO_MANY_PIXELS, size)
    if short < settings.min_image_size:
        raise ImageFailureError(RejectReason.IMAGE_TOO_SMALL, size)
    if settings.max_image_area is not None and short * long > settings.max_image_area:
        raise ImageFailureError(RejectReason.IMAGE_AREA_TOO_LARGE, size)
    if settings.max_aspect_ratio is not None and long / short > settings.max_aspect_ratio:
        raise ImageFailureError(RejectReason.ASPECT_RATIO_TOO_LARGE, size)


def _processed(body: bytes, header: ImageHeader, decoded: DecodedImage, settings: DownloadSettings) -> ProcessedImage:
    image = decoded.pixels
    original_height, original_width = image.shape[:2]
    stored = resize_image(image, settings)
    keeps_file = (
        settings.skip_reencode
        and header.format == settings.encode_format
        and not is_resized(original_width, original_height, settings)
        and decoded.as_stored
    )
    hashes = hashes_of(body, image)
    height, width = stored.shape[:2]
    return ProcessedImage(
        data=body if keeps_file else encode_image(stored, settings),
        extension=settings.encode_format,
        width=width,
        height=height,
        original_width=original_width,
        original_height=original_height,
        original_bytes=len(body),
        **vars(hashes),
        exif=exif_json(header.exif),
    )
