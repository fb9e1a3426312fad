"""Images: what bytes are, decoding them safely, resizing and encoding, perceptual hashes, and rules on their size."""

from filters.image.blur import Box, blur_boxes, parse_boxes
from filters.image.failure import ImageFailureError
from filters.image.header import ImageHeader, read_header
from filters.image.measure import MeasuredImage, measure_image
from filters.image.phash import PHASH_BITS, hamming_distances, perceptual_hash
from filters.image.process import ImageFailure, ProcessedImage, process_image
from filters.image.rules import has_min_bytes, has_min_side, is_within_aspect_ratio
from filters.image.sniff import ALLOWED_FORMATS, sniff_format

__all__ = [
    "ALLOWED_FORMATS",
    "PHASH_BITS",
    "Box",
    "ImageFailure",
    "ImageFailureError",
    "ImageHeader",
    "MeasuredImage",
    "ProcessedImage",
    "blur_boxes",
    "hamming_distances",
    "has_min_bytes",
    "has_min_side",
    "is_within_aspect_ratio",
    "measure_image",
    "parse_boxes",
    "perceptual_hash",
    "process_image",
    "read_header",
    "sniff_format",
]
