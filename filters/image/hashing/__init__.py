"""Perceptual hashes of images, and the luminance and structure that they are made of."""

from babelsift.filters.image.hashing.colours import COLOURS_BYTES
from babelsift.filters.image.hashing.hashes import ImageHashes, hash_pixels
from babelsift.filters.image.hashing.luminance import luminance_of
from babelsift.filters.image.hashing.phash import (
    CROP_BYTES,
    CROPS,
    PHASH_BITS,
    hamming_distances,
    low_bits,
    perceptual_hashes,
)
from babelsift.filters.image.hashing.structure import structure_of
from babelsift.filters.image.hashing.views import VIEW_CROPS, VIEWS_BYTES, split_views

__all__ = [
    "COLOURS_BYTES",
    "CROPS",
    "CROP_BYTES",
    "PHASH_BITS",
    "VIEWS_BYTES",
    "VIEW_CROPS",
    "ImageHashes",
    "hamming_distances",
    "hash_pixels",
    "low_bits",
    "luminance_of",
    "perceptual_hashes",
    "split_views",
    "structure_of",
]
