"""Deduplication as pure functions over numpy arrays: equal digests, and perceptual hashes within a radius."""

from filters.dedup.caption_form import comparable_captions
from filters.dedup.caption_shingles import MAX_CHARACTERS, ShingleSets, shingle_sets
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
from filters.dedup.minhash import max_differing_bits, minhash
from filters.dedup.near_captions import (
    BUCKETED,
    CAPTION_LINK,
    PAIR,
    bucket_entries,
    candidate_pairs,
    distinct_pairs,
    jaccards,
    lowest_links,
    near_pairs,
    number_uids,
    star_links,
)
from filters.dedup.near_duplicates import (
    LINK,
    bucket_digests,
    nearest_survivors,
    verified_links,
)
from filters.dedup.packed_claims import pack_claims, unpack_claims
from filters.dedup.stars import left_out_by_stars

__all__ = [
    "BUCKETED",
    "CAPTION_LINK",
    "CLAIM",
    "LINK",
    "MAX_CHARACTERS",
    "PAIR",
    "DigestIndex",
    "ShingleSets",
    "Survivors",
    "bucket_digests",
    "bucket_entries",
    "candidate_pairs",
    "claims",
    "comparable_captions",
    "distinct_pairs",
    "first_of_each",
    "jaccards",
    "left_out_by_stars",
    "losers_to",
    "lowest_links",
    "max_differing_bits",
    "minhash",
    "near_pairs",
    "nearest_survivors",
    "number_uids",
    "pack_claims",
    "position_of",
    "repeated",
    "shingle_sets",
    "star_links",
    "unpack_claims",
    "verified_links",
]
