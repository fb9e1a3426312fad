"""Deduplication as pure functions over numpy arrays: equal digests, and perceptual hashes within a radius."""

from babelsift.filters.dedup.caption_shingles import MAX_CHARACTERS, ShingleSets, shingle_sets
from babelsift.filters.dedup.comparable_captions import comparable_captions
from babelsift.filters.dedup.embedding_matches import nearest_match
from babelsift.filters.dedup.greedy_independent_set import greedy_independent_set
from babelsift.filters.dedup.hash_bands import CROP_BANDS, HASHED, WHOLE_BANDS, bucket_keys, owners, shares
from babelsift.filters.dedup.hash_entropy import has_varied_rows
from babelsift.filters.dedup.lowest_per_digest import (
    DIGEST_RECORD,
    DigestIndex,
    KeptRows,
    digest_records,
    duplicate_of,
    duplicated,
    lowest_per_digest,
    position_of,
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
    nearest_kept_captions,
    number_uids,
)
from babelsift.filters.dedup.near_duplicates import LINK, crop_radius, near_links, nearest_of_pairs
from babelsift.filters.dedup.nearest_kept_images import nearest_kept_images
from babelsift.filters.dedup.packed_digest_records import pack_digest_records, unpack_digest_records
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
    "CROP_BANDS",
    "DIGEST_RECORD",
    "EARLIER",
    "HASHED",
    "LINK",
    "MAX_CHARACTERS",
    "PAIR",
    "SEMANTIC_LINK",
    "WHOLE_BANDS",
    "DigestIndex",
    "KeptRows",
    "ShingleSets",
    "bucket_entries",
    "bucket_keys",
    "candidate_pairs",
    "cluster_count",
    "comparable_captions",
    "crop_radius",
    "digest_records",
    "distinct_pairs",
    "distinct_vectors",
    "duplicate_of",
    "duplicated",
    "embedded",
    "greedy_independent_set",
    "has_varied_rows",
    "jaccards",
    "load_faiss",
    "lowest_links",
    "lowest_per_digest",
    "max_differing_bits",
    "minhash",
    "near_links",
    "near_pairs",
    "nearest_centroids",
    "nearest_kept_captions",
    "nearest_kept_images",
    "nearest_match",
    "nearest_of_pairs",
    "number_uids",
    "owners",
    "pack_digest_records",
    "pack_embedded",
    "position_of",
    "semantic_links",
    "shares",
    "shingle_sets",
    "train_centroids",
    "unpack_digest_records",
    "unpack_embedded",
]
