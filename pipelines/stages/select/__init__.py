"""Stage select: thresholds, top fractions, conditions, minimums a language, caps.

select_pairs    the stage: `SelectPairs`, `check_columns`
top_fractions   the similarity at which each top fraction begins
cap_limits      the last pair that each caption, host and language may keep
cap_candidates  what is compared for the caps
"""

from babelsift.pipelines.stages.select.select_pairs import REPORT, SelectPairs, check_columns
from babelsift.pipelines.stages.select.top_fractions import SimilarityHistograms

__all__ = ["REPORT", "SelectPairs", "SimilarityHistograms", "check_columns"]
