"""All that is known an image again by: a digest of its pixels, and its perceptual hashes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np
from blake3 import blake3

from babelsift.filters.image.hashing.borders import within_borders
from babelsift.filters.image.hashing.colours import colours_of
from babelsift.filters.image.hashing.luminance import grey_of, luminance_of_grey
from babelsift.filters.image.hashing.phash import perceptual_hashes
from babelsift.filters.image.hashing.structure import structure_of
from babelsift.filters.image.hashing.views import view_hashes

_SUMMED_ROWS = 8  # one in so many


@dataclass(frozen=True)
class ImageHashes:
    """What tells whether two images are the same.

    Attributes:
        pixels_digest: BLAKE3 of the pixels as decoded, at whatever scale, upright: their grey levels, the sums of their
            three channels in some rows, their width and height. All three channels' bytes would take three times as
            long and tell no more images apart. It has to be a cryptographic hash: with another, whoever wants an image
            out of all data sets could serve any picture that has its digest. SHA-256 takes three times as long.
        phash: 32 bytes.
        phash_crops: CROPS times CROP_BYTES bytes, hashes of the image's crops.
        phash_views: VIEWS_BYTES, hashes of the image as its copies may look, see `view_hashes`.
        phash_colours: COLOURS_BYTES, of what lies within the image's borders, see `colours_of`.
        phash_quality: 0 to 1, how much structure the image has.
    """

    pixels_digest: str
    phash: bytes
    phash_crops: bytes
    phash_views: bytes
    phash_colours: bytes
    phash_quality: float

    def columns(self) -> dict[str, Any]:
        """Returns the hashes alone, by the names that they have as columns."""
        return {field.name: getattr(self, field.name) for field in fields(ImageHashes)}


def hash_pixels(image: np.ndarray) -> ImageHashes:
    """Returns an image's hashes.

    Args:
        image: uint8[height, width, 3], BGR.
    """
    grey = grey_of(image)
    return hash_grey(image, grey, luminance_of_grey(grey))


def hash_grey(image: np.ndarray, grey: np.ndarray, luminance: np.ndarray) -> ImageHashes:
    """Returns an image's hashes, where its grey levels and its luminance are known.

    Args:
        image: uint8[height, width, 3], BGR.
        grey: uint8[height, width].
        luminance: uint16[64, 64].
    """
    phash, phash_crops = perceptual_hashes(luminance)
    content = within_borders(grey)
    return ImageHashes(
        pixels_digest=_pixels_digest(image, grey),
        phash=phash,
        phash_crops=phash_crops,
        phash_views=view_hashes(luminance, grey, grey[content]),
        phash_colours=colours_of(image[content]),
        phash_quality=structure_of(luminance),
    )


def _pixels_digest(image: np.ndarray, grey: np.ndarray) -> str:
    """64 hex digits that are the same for an image however it was packed: another container, other metadata."""
    sums = " ".join(str(int(total)) for total in cv2.sumElems(image[::_SUMMED_ROWS])[:3])
    digest = blake3(f"{image.shape[1]}x{image.shape[0]} {sums} ".encode())
    digest.update(grey.data)
    return digest.hexdigest()
