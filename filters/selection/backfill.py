"""Backfills languages that have too few kept pairs: with their best among those that similarity alone left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from babelsift.filters.selection.histogram import Histogram, histogram_of, lower_edge, merge
from babelsift.filters.selection.score_choice import ScoreChoice
from babelsift.filters.selection.selector import Selector
from babelsift.filters.selection.thresholds import Threshold
from babelsift.schemas import Decision
from babelsift.schemas.recipe import setting_for

_EDGE_ROUNDING = 1e-9  # a bin's edge is not exact: a floor on an edge takes the bin above it in


@dataclass(frozen=True)
class Backfill:
    """How a language is backfilled.

    Attributes:
        kept: pairs kept before.
        minimum: the pairs that it should keep at least.
        threshold: the least similarity of backfilled pairs.
        backfilled: pairs that reach it.
    """

    kept: int
    minimum: int
    threshold: Threshold
    backfilled: int


@dataclass
class LanguageState:
    """A language before backfilling.

    Attributes:
        kept: pairs.
        left_out: a histogram of the similarities of the pairs that similarity alone left out.
    """

    kept: int = 0
    left_out: Histogram = field(default_factory=dict)


States = dict[str, LanguageState]


def language_states(batch: pa.RecordBatch, selector: Selector) -> States:
    """Returns the state of each language with a minimum, as a batch has it.

    Args:
        batch: n rows with the columns that the rules name.
        selector: knows the thresholds of its fractions.
    """
    decision = selector.decide(batch)
    may_return = _rejected_by_similarity_alone(decision, batch, selector)
    scores = _choice_of(selector).scores(batch)
    languages = np.array(batch.column("language").to_pylist(), dtype=object)
    states = {}
    for language in sorted(set(languages)):
        if setting_for(selector.settings.min_pairs_per_language, language) is not None:
            of_language = languages == language
            left_out = scores[may_return & of_language & ~np.isnan(scores)]
            states[language] = LanguageState(int((decision.kept & of_language).sum()), histogram_of(left_out))
    return states


def merge_states(states: Iterable[States]) -> States:
    """Returns the sum of the states of several batches.

    Args:
        states: of batches.
    """
    together: dict[str, list[LanguageState]] = {}
    for of_batch in states:
        for language, state in of_batch.items():
            together.setdefault(language, []).append(state)
    return {
        language: LanguageState(sum(state.kept for state in group), merge(state.left_out for state in group))
        for language, group in together.items()
    }


def plan_backfills(states: States, selector: Selector) -> dict[str, Backfill]:
    """Returns the backfill of each language that has fewer pairs than its minimum: whole bins of 2e-4, best first.

    Args:
        states: of all batches.
        selector: its settings hold the minimums and the lowest similarity.
    """
    backfills = {}
    floor = -np.inf if selector.settings.lowest_similarity is None else selector.settings.lowest_similarity
    for language, state in sorted(states.items()):
        minimum = setting_for(selector.settings.min_pairs_per_language, language)
        if minimum is None or state.kept >= minimum:
            continue
        backfilled, lowest = 0, None
        for bin_ in sorted(state.left_out, reverse=True):
            if state.kept + backfilled >= minimum or lower_edge(bin_) < floor - _EDGE_ROUNDING:
                break
            backfilled, lowest = backfilled + state.left_out[bin_], bin_
        threshold = Threshold(np.inf) if lowest is None else Threshold(lower_edge(lowest), lowest)
        backfills[language] = Backfill(state.kept, minimum, threshold, backfilled)
    return backfills


def apply_backfills(
    decision: Decision, batch: pa.RecordBatch, selector: Selector, backfills: Mapping[str, Backfill]
) -> None:
    """Keeps the rows of a decision that the backfills bring back.

    Args:
        decision: of the selector on the batch; changed.
        batch: n rows.
        selector: as for `language_states`.
        backfills: by language.
    """
    if not backfills:
        return
    may_return = _rejected_by_similarity_alone(decision, batch, selector)
    scores = _choice_of(selector).scores(batch)
    languages = np.array(batch.column("language").to_pylist(), dtype=object)
    reached = np.zeros(len(batch), bool)
    for language, backfill in backfills.items():
        of_language = languages == language
        if of_language.any():
            reached |= of_language & backfill.threshold.reached_by(scores)
    decision.restore(may_return & reached)


def _rejected_by_similarity_alone(decision: Decision, batch: pa.RecordBatch, selector: Selector) -> np.ndarray:
    """Returns bool[n], the rows that a decision leaves out and that would be kept if similarity did not count."""
    return ~decision.kept & selector.decide(batch, similarity=False, as_kind=type(decision)).kept


def _choice_of(selector: Selector) -> ScoreChoice:
    if selector.choice is None:
        raise ValueError("min_pairs_per_language needs a similarity, and the recipe has no clip model")
    return selector.choice
