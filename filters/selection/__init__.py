"""Selects scored pairs: conditions on columns, similarity thresholds, top fractions, minimums with backfill, and order.

`Selector` decides batch by batch, given the `Threshold` of each top fraction; `histogram` and `order_keys` find these.
"""

from babelsift.filters.selection.backfill import (
    Backfill,
    LanguageState,
    apply_backfills,
    language_states,
    merge_states,
    plan_backfills,
)
from babelsift.filters.selection.conditions import (
    can_meet,
    foreign_values,
    holds_numbers,
    holds_values,
    meets_condition,
    numbers_of,
    reject_by_condition,
)
from babelsift.filters.selection.histogram import (
    BIN_WIDTH,
    Histogram,
    bins_of,
    histogram_of,
    lower_edge,
    merge,
    top_fraction_bin,
)
from babelsift.filters.selection.one_to_one import load_matching, match_one_to_one
from babelsift.filters.selection.order_keys import (
    DIGIT_BITS,
    KEY_BITS,
    SCORE_BITS,
    DigitCounts,
    add_counts,
    count_digits,
    digit_at,
    highest_first,
    order_by,
    score_at,
)
from babelsift.filters.selection.score_choice import ScoreChoice, histograms_of, rows_by_language, score_column
from babelsift.filters.selection.selector import Selector, binned_thresholds
from babelsift.filters.selection.thresholds import EVERY_LANGUAGE, Threshold, Thresholds, TopFraction

__all__ = [
    "BIN_WIDTH",
    "DIGIT_BITS",
    "EVERY_LANGUAGE",
    "KEY_BITS",
    "SCORE_BITS",
    "Backfill",
    "DigitCounts",
    "Histogram",
    "LanguageState",
    "ScoreChoice",
    "Selector",
    "Threshold",
    "Thresholds",
    "TopFraction",
    "add_counts",
    "apply_backfills",
    "binned_thresholds",
    "bins_of",
    "can_meet",
    "count_digits",
    "digit_at",
    "foreign_values",
    "highest_first",
    "histogram_of",
    "histograms_of",
    "holds_numbers",
    "holds_values",
    "language_states",
    "load_matching",
    "lower_edge",
    "match_one_to_one",
    "meets_condition",
    "merge",
    "merge_states",
    "numbers_of",
    "order_by",
    "plan_backfills",
    "reject_by_condition",
    "rows_by_language",
    "score_at",
    "score_column",
    "top_fraction_bin",
]
