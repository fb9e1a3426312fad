"""Counts in bounded memory: n-grams of captions, distinct members of a key, how a column is spread, rows by keys."""

from babelsift.filters.counting.bottom_k import (
    MEMBERSHIP,
    keys_with_more_than,
    lowest_members,
    members_at_rank,
    memberships,
)
from babelsift.filters.counting.column_counts import (
    ColumnCounts,
    count_column,
    count_values,
    merge_column_counts,
    round_to_digits,
)
from babelsift.filters.counting.count_tables import ROWS, add_counts, count_numbers_by, count_rows_by
from babelsift.filters.counting.domain_counts import (
    DOWNLOADED,
    KEPT,
    DomainCounts,
    count_urls,
    merge_domains,
    summarise_domains,
)
from babelsift.filters.counting.ngrams import count_ngrams, most_frequent

__all__ = [
    "DOWNLOADED",
    "KEPT",
    "MEMBERSHIP",
    "ROWS",
    "ColumnCounts",
    "DomainCounts",
    "add_counts",
    "count_column",
    "count_ngrams",
    "count_numbers_by",
    "count_rows_by",
    "count_urls",
    "count_values",
    "keys_with_more_than",
    "lowest_members",
    "members_at_rank",
    "memberships",
    "merge_column_counts",
    "merge_domains",
    "most_frequent",
    "round_to_digits",
    "summarise_domains",
]
