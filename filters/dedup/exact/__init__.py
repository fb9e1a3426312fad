"""Exact duplicates: digests that several rows share, and the row of each that is kept."""

from babelsift.filters.dedup.exact.lowest_per_digest import (
    DIGEST_RECORD,
    DigestIndex,
    KeptRows,
    digest_records,
    duplicate_of,
    duplicated,
    lowest_per_digest,
    position_of,
)
from babelsift.filters.dedup.exact.packed_digest_records import pack_digest_records, unpack_digest_records

__all__ = [
    "DIGEST_RECORD",
    "DigestIndex",
    "KeptRows",
    "digest_records",
    "duplicate_of",
    "duplicated",
    "lowest_per_digest",
    "pack_digest_records",
    "position_of",
    "unpack_digest_records",
]
