"""Deduplication as pure functions over numpy arrays: equal digests, and perceptual hashes within a radius."""

from babelsift.filters.dedup.caption_shingles import MAX_CHARACTERS, ShingleSets, shingle_sets
from babelsift.filters.dedup.comparable_captions import comparable_captions
from babelsift.filters.dedup.embedding_matches import nearest_match
from babelsift.filters.dedup.greedy_independent_set import left_out_by_stars
from babelsift.filters.dedup.hash_bands import CROP_BANDS, HASHED, WHOLE_BANDS, bucket_keys, owners, shares
from babelsift.filters.dedup.hash_entropy import has_varied_rows
from babelsift.filters.dedup.lowest_per_digest import (
    CLAIM,
    DigestIndex,
    Survivors,
    claims,
    first_of_each,
    losers_to,
    position_of,
    repeated,
)
from babelsift.filters.dedup.minhash import max_differing_bits, minhash
from babelsift.filters.dedup.near_captions import (
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
from babelsift.filters.dedup.near_duplicates import LINK, crop_radius, near_links, nearest_of_pairs
from babelsift.filters.dedup.nearest_survivors import nearest_survivors
from babelsift.filters.dedup.packed_digest_records import pack_claims, unpack_claims
from babelsift.filters.dedup.semantic import (
    EARLIER,
    SEMANTIC_LINK,
    cluster_count,
    distinct_vectors,
    embedded,
    load_faiss,
    nearest_centroids,
    pack_embedded,
    semantic_links,
    train_centroids,
    unpack_embedded,
)

__all__ = [
    "BUCKETED",
    "CAPTION_LINK",
    "CLAIM",
    "CROP_BANDS",
    "EARLIER",
    "HASHED",
    "LINK",
    "MAX_CHARACTERS",
    "PAIR",
    "SEMANTIC_LINK",
    "WHOLE_BANDS",
    "DigestIndex",
    "ShingleSets",
    "Survivors",
    "bucket_entries",
    "bucket_keys",
    "candidate_pairs",
    "claims",
    "cluster_count",
    "comparable_captions",
    "crop_radius",
    "distinct_pairs",
    "distinct_vectors",
    "embedded",
    "first_of_each",
    "has_varied_rows",
    "jaccards",
    "left_out_by_stars",
    "load_faiss",
    "losers_to",
    "lowest_links",
    "max_differing_bits",
    "minhash",
    "near_links",
    "near_pairs",
    "nearest_centroids",
    "nearest_match",
    "nearest_of_pairs",
    "nearest_survivors",
    "number_uids",
    "owners",
    "pack_claims",
    "pack_embedded",
    "position_of",
    "repeated",
    "semantic_links",
    "shares",
    "shingle_sets",
    "star_links",
    "train_centroids",
    "unpack_claims",
    "unpack_embedded",
]
