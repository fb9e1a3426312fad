"""Counts in bounded memory: n-grams of captions, how many distinct members a key has, how a column is spread."""

from babelsift.filters.counting.bottom_k import (
    MEMBERSHIP,
    keys_with_more_than,
    lowest_members,
    members_at_rank,
    memberships,
)
from babelsift.filters.counting.column_counts import ColumnCounts, count_values, merge_column_counts
from babelsift.filters.counting.ngrams import count_ngrams, most_frequent

__all__ = [
    "MEMBERSHIP",
    "ColumnCounts",
    "count_ngrams",
    "count_values",
    "keys_with_more_than",
    "lowest_members",
    "members_at_rank",
    "memberships",
    "merge_column_counts",
    "most_frequent",
]
