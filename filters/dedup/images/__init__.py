"""Near-duplicate images: perceptual hashes in LSH bands, links within a Hamming radius, and which images are kept.

`bucket_kernels` needs numba and is imported where a search begins.
"""

from babelsift.filters.dedup.images.hash_bands import (
    CROP_BANDS,
    FIRST_VIEW,
    IMAGE_HASHES,
    WHOLE_BANDS,
    WHOLE_VIEW,
    bucket_keys,
    owning_partitions,
    partitions_of_bands,
)
from babelsift.filters.dedup.images.hash_entropy import has_varied_rows
from babelsift.filters.dedup.images.image_links import IMAGE_LINK, nearest_of_pairs
from babelsift.filters.dedup.images.like_colours import have_like_colours
from babelsift.filters.dedup.images.near_images import crop_radius, near_image_links, view_radius
from babelsift.filters.dedup.images.nearest_kept_images import nearest_kept_images
from babelsift.filters.dedup.images.packed_hashes import pack_image_hashes, unpack_image_hashes

__all__ = [
    "CROP_BANDS",
    "FIRST_VIEW",
    "IMAGE_HASHES",
    "IMAGE_LINK",
    "WHOLE_BANDS",
    "WHOLE_VIEW",
    "bucket_keys",
    "crop_radius",
    "has_varied_rows",
    "have_like_colours",
    "near_image_links",
    "nearest_kept_images",
    "nearest_of_pairs",
    "owning_partitions",
    "pack_image_hashes",
    "partitions_of_bands",
    "unpack_image_hashes",
    "view_radius",
]
