"""Whether the web still has what a finished run took from it, and still permits it."""

from babelsift.pipelines.inspection.verification.outcomes import OUTCOMES, Outcome, Verdict, as_csv
from babelsift.pipelines.inspection.verification.sample import Sample, draw_pairs
from babelsift.pipelines.inspection.verification.tallied import Tally
from babelsift.pipelines.inspection.verification.verify import hearing_everything, verify_pairs

__all__ = [
    "OUTCOMES",
    "Outcome",
    "Sample",
    "Tally",
    "Verdict",
    "as_csv",
    "draw_pairs",
    "hearing_everything",
    "verify_pairs",
]
