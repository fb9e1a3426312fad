"""Counts in bounded memory: n-grams of captions, and how many distinct members a key has."""

from babelsift.filters.counting.bottom_k import (
    MEMBERSHIP,
    keys_with_more_than,
    lowest_members,
    members_at_rank,
    memberships,
)
from babelsift.filters.counting.ngrams import count_ngrams, most_frequent

__all__ = [
    "MEMBERSHIP",
    "count_ngrams",
    "keys_with_more_than",
    "lowest_members",
    "members_at_rank",
    "memberships",
    "most_frequent",
]
