"""What the rules measure of a pair: the numbers and their bounds, and how far a pair is from a bound."""

from babelsift.filters.measures.distances import bound_of, distance_to_bound, distances_within, ledger_number
from babelsift.filters.measures.table import MEASURES, Bound, Measure

__all__ = ["MEASURES", "Bound", "Measure", "bound_of", "distance_to_bound", "distances_within", "ledger_number"]
