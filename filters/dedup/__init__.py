"""Deduplication as pure functions over numpy arrays: equal digests, and perceptual hashes within a radius."""

from filters.dedup.caption_form import comparable_captions
from filters.dedup.first_of_each import (
    CLAIM,
    DigestIndex,
    Survivors,
    claims,
    first_of_each,
    losers_to,
    position_of,
    repeated,
)
from filters.dedup.hash_bands import HASHED, Bands, bands_for, bucket_keys
from filters.dedup.near_duplicates import LINK, crop_radius, near_links, nearest_of_pairs
from filters.dedup.star_clusters import nearest_survivors

__all__ = [
    "CLAIM",
    "HASHED",
    "LINK",
    "Bands",
    "DigestIndex",
    "Survivors",
    "bands_for",
    "bucket_keys",
    "claims",
    "comparable_captions",
    "crop_radius",
    "first_of_each",
    "losers_to",
    "near_links",
    "nearest_of_pairs",
    "nearest_survivors",
    "position_of",
    "repeated",
]
