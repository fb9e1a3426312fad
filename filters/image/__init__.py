"""Images: what bytes are, decoding them safely, resizing and encoding, perceptual hashes, and rules on their size."""

from babelsift.filters.image.blur import Box, blur_boxes, parse_boxes
from babelsift.filters.image.container import ImageFile, ImageHeader, MetadataBlocks, open_image, read_header
from babelsift.filters.image.decoding.pixels import decode_rgb
from babelsift.filters.image.failure import ImageFailureError
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
from babelsift.filters.image.measure import MeasuredImage, measure_image
from babelsift.filters.image.process import ImageFailure, ProcessedImage, process_image
from babelsift.filters.image.rules import has_min_bytes, has_min_side, is_within_aspect_ratio
from babelsift.filters.image.sniff import ALLOWED_FORMATS, sniff_format

__all__ = [
    "ALLOWED_FORMATS",
    "COLOURS_BYTES",
    "CROPS",
    "CROP_BYTES",
    "PHASH_BITS",
    "VIEWS_BYTES",
    "VIEW_CROPS",
    "Box",
    "ImageFailure",
    "ImageFailureError",
    "ImageFile",
    "ImageHashes",
    "ImageHeader",
    "MeasuredImage",
    "MetadataBlocks",
    "ProcessedImage",
    "blur_boxes",
    "decode_rgb",
    "hamming_distances",
    "has_min_bytes",
    "has_min_side",
    "hash_pixels",
    "is_within_aspect_ratio",
    "low_bits",
    "luminance_of",
    "measure_image",
    "open_image",
    "parse_boxes",
    "perceptual_hashes",
    "process_image",
    "read_header",
    "sniff_format",
    "split_views",
    "structure_of",
]
