"""Near-duplicate captions: shingles, MinHash buckets, candidate pairs, their Jaccard similarity, and which are kept.

1. `comparable_captions` folds case, width and punctuation; `shingle_sets` makes sets of neighbouring characters of it.
2. `minhash` puts each set into buckets that similar sets share.
3. `candidate_pairs` pairs the captions of a bucket.
4. `near_caption_links` keeps the pairs that are similar enough.
5. `nearest_kept_captions` decides which caption of each cluster is kept.
"""

from babelsift.filters.dedup.captions.candidates import (
    BUCKET_ENTRY,
    CAPTION_PAIR,
    bucket_entries,
    candidate_pairs,
    distinct_pairs,
    number_uids,
)
from babelsift.filters.dedup.captions.comparable_captions import comparable_captions
from babelsift.filters.dedup.captions.jaccard import jaccard_similarities
from babelsift.filters.dedup.captions.minhash import max_differing_bits, minhash
from babelsift.filters.dedup.captions.near_captions import (
    CAPTION_LINK,
    lowest_links,
    near_caption_links,
    nearest_kept_captions,
)
from babelsift.filters.dedup.captions.shingles import MAX_CHARACTERS, ShingleSets, shingle_sets

__all__ = [
    "BUCKET_ENTRY",
    "CAPTION_LINK",
    "CAPTION_PAIR",
    "MAX_CHARACTERS",
    "ShingleSets",
    "bucket_entries",
    "candidate_pairs",
    "comparable_captions",
    "distinct_pairs",
    "jaccard_similarities",
    "lowest_links",
    "max_differing_bits",
    "minhash",
    "near_caption_links",
    "nearest_kept_captions",
    "number_uids",
    "shingle_sets",
]
