"""Giving back to languages of which too little is kept their best pairs among those that similarity alone left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from babelsift.filters.selection.histogram import Histogram, histogram_of, lower_edge, merge
from babelsift.filters.selection.selector import Selector, Threshold, rejected_by_similarity_alone, setting_for
from babelsift.schemas import Decision


@dataclass(frozen=True)
class Backfill:
    """What was done for a language: pairs kept before, the threshold that was lowered to, pairs given back by it."""

    kept: int
    wanted: int
    threshold: Threshold
    backfilled: int


@dataclass
class LanguageState:
    """What is kept of a language, and a histogram of the similarities of what similarity alone left out."""

    kept: int = 0
    left_out: Histogram = field(default_factory=dict)


States = dict[str, LanguageState]


def language_states(batch: pa.RecordBatch, selector: Selector) -> States:
    """Returns the state of each language with a minimum, as a batch has it."""
    decision, without = selector.decide(batch), selector.decide(batch, similarity=False)
    kept, back = decision.kept, rejected_by_similarity_alone(decision, without)
    scores = selector.choice.scores(batch)
    languages = np.array(batch.column("language").to_pylist(), dtype=object)
    states = {}
    for language in sorted(set(languages)):
        if setting_for(selector.settings.min_pairs_per_language, language) is not None:
            own = languages == language
            states[language] = LanguageState(
                int((kept & own).sum()), histogram_of(scores[back & own & ~np.isnan(scores)])
            )
    return states


def merge_states(parts: Iterable[States]) -> States:
    """Returns the sum of states."""
    together: dict[str, list[LanguageState]] = {}
    for part in parts:
        for language, state in part.items():
            together.setdefault(language, []).append(state)
    return {
        language: LanguageState(sum(one.kept for one in states), merge(one.left_out for one in states))
        for language, states in together.items()
    }


def plan_backfills(states: States, selector: Selector) -> dict[str, Backfill]:
    """Returns what is given back to each language that has less than its minimum: whole bins of 2e-4, best first."""
    found = {}
    floor = -np.inf if selector.settings.lowest_similarity is None else selector.settings.lowest_similarity
    for language, state in sorted(states.items()):
        wanted = int(setting_for(selector.settings.min_pairs_per_language, language))
        given, lowest = 0, None
        for one in sorted(state.left_out, reverse=True):
            # A bin's edge is not exact: a floor on an edge takes the bin above it in.
            if state.kept + given >= wanted or lower_edge(one) < floor - 1e-9:
                break
            given, lowest = given + state.left_out[one], one
        if state.kept < wanted:
            threshold = Threshold(np.inf) if lowest is None else Threshold(lower_edge(lowest), lowest)
            found[language] = Backfill(state.kept, wanted, threshold, given)
    return found


def apply_backfills(
    decision: Decision, batch: pa.RecordBatch, selector: Selector, backfills: Mapping[str, Backfill]
) -> None:
    """Keeps again the rows of a decision that the backfills give back."""
    if not backfills:
        return
    back = rejected_by_similarity_alone(decision, selector.decide(batch, similarity=False))
    scores = selector.choice.scores(batch)
    languages = np.array(batch.column("language").to_pylist(), dtype=object)
    reached = np.zeros(len(batch), bool)
    for language, backfill in backfills.items():
        own = languages == language
        if own.any():
            reached |= own & backfill.threshold.reached_by(scores)
    decision.restore(back & reached)
