"""Concepts as MetaCLIP has them: lists of entries, which entries a caption matches, and balancing by their counts."""

from babelsift.filters.concepts.balancing import (
    ENTRY_COUNT,
    EntryProbabilities,
    add_entry_counts,
    count_entries,
    entry_draws,
    pair_draws,
    reject_by_balance,
    tail_share,
    threshold_for_share,
    thresholds,
)
from babelsift.filters.concepts.concept_lists import find_lists, list_for, read_list, read_lists
from babelsift.filters.concepts.matching import ConceptMatcher, has_min_matches
from babelsift.filters.concepts.spacing import Spacing, space_captions, space_entries

__all__ = [
    "ENTRY_COUNT",
    "ConceptMatcher",
    "EntryProbabilities",
    "Spacing",
    "add_entry_counts",
    "count_entries",
    "entry_draws",
    "find_lists",
    "has_min_matches",
    "list_for",
    "pair_draws",
    "read_list",
    "read_lists",
    "reject_by_balance",
    "space_captions",
    "space_entries",
    "tail_share",
    "threshold_for_share",
    "thresholds",
]
