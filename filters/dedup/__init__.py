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
from filters.dedup.near_duplicates import (
    LINK,
    bucket_digests,
    nearest_survivors,
    verified_links,
)
from filters.dedup.packed_claims import pack_claims, unpack_claims

__all__ = [
    "CLAIM",
    "LINK",
    "DigestIndex",
    "Survivors",
    "bucket_digests",
    "claims",
    "comparable_captions",
    "first_of_each",
    "losers_to",
    "nearest_survivors",
    "pack_claims",
    "position_of",
    "repeated",
    "unpack_claims",
    "verified_links",
]
