"""Images: what bytes are, decoding them safely, resizing and encoding, perceptual hashes, and rules on their size."""

from filters.image.blur import Box, blur_boxes, parse_boxes
from filters.image.failure import ImageFailureError
from filters.image.hashes import ImageHashes, hash_pixels
from filters.image.header import ImageHeader, read_header
from filters.image.luminance import luminance_of
from filters.image.measure import MeasuredImage, measure_image
from filters.image.phash import CROP_BYTES, CROPS, PHASH_BITS, hamming_distances, low_bits, perceptual_hashes
from filters.image.process import ImageFailure, ProcessedImage, process_image
from filters.image.rules import has_min_bytes, has_min_side, is_within_aspect_ratio
from filters.image.sniff import ALLOWED_FORMATS, sniff_format
from filters.image.structure import structure_of

__all__ = [
    "ALLOWED_FORMATS",
    "CROPS",
    "CROP_BYTES",
    "PHASH_BITS",
    "Box",
    "ImageFailure",
    "ImageFailureError",
    "ImageHashes",
    "ImageHeader",
    "MeasuredImage",
    "ProcessedImage",
    "blur_boxes",
    "hamming_distances",
    "has_min_bytes",
    "has_min_side",
    "hash_pixels",
    "is_within_aspect_ratio",
    "low_bits",
    "luminance_of",
    "measure_image",
    "parse_boxes",
    "perceptual_hashes",
    "process_image",
    "read_header",
    "sniff_format",
    "structure_of",
]
