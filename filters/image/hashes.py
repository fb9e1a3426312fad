"""All that an image is known again by, made from its bytes and its pixels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from filters.image.crop_hashes import crop_hashes
from filters.image.decode import decode_image, memory_slot
from filters.image.failure import ImageFailureError
from filters.image.header import read_header
from filters.image.luminance import luminance_of
from filters.image.phash import hash_of_luminance
from filters.image.structure import structure_of
from schemas import RejectReason


@dataclass(frozen=True)
class ImageHashes:
    """Attributes:

    sha256: of the bytes as served. pixels_sha256: of the pixels as decoded, upright, and of their width and height.
    phash: 32 bytes. phash_crops: hashes of its crops. phash_quality: 0 to 1, how much structure it has.
    """

    sha256: str
    pixels_sha256: str
    phash: bytes
    phash_crops: bytes
    phash_quality: float


def hashes_of(body: bytes, pixels: np.ndarray) -> ImageHashes:
    """Returns the hashes of an image that is decoded already.

    Args: pixels: uint8[height, width, 3], BGR, upright.
    """
    luminance = luminance_of(pixels)
    return ImageHashes(
        sha256=hashlib.sha256(body).hexdigest(),
        pixels_sha256=_pixels_sha256(pixels),
        phash=hash_of_luminance(luminance),
        phash_crops=crop_hashes(luminance),
        phash_quality=structure_of(luminance),
    )


def hash_image(body: bytes, *, max_pixels: int = 100_000_000) -> ImageHashes:
    """Returns the hashes of an image file.

    Raises: ImageFailureError: it is no image that can be decoded, or has more pixels than that.
    """
    header = read_header(body)
    if header.width * header.height > max_pixels:
        raise ImageFailureError(RejectReason.TOO_MANY_PIXELS, f"{header.width}x{header.height} px")
    with memory_slot(header):
        return hashes_of(body, decode_image(body, header).pixels)


def _pixels_sha256(image: np.ndarray) -> str:
    """64 hex digits that are the same for an image however it was packed: another container, other metadata."""
    digest = hashlib.sha256(f"{image.shape[1]}x{image.shape[0]} ".encode())
    digest.update(np.ascontiguousarray(image))
    return digest.hexdigest()
