"""Stage select: keeps scored pairs by an expression of rules, minimums a language, and caps.

1. Thresholds. The similarity at which each top fraction begins is found for all batches together.
2. Backfills. A language of which too few pairs are kept gets its best pairs back that similarity alone left out.
3. Limits. The last pair that each caption, host and language may keep is found among what is kept then.
4. Decide. Each batch is decided once, by all three.

Where images and texts of documents are matched one to one, that comes before the limits, which are then found among
what is matched (`match_documents`). Without fractions, minimums and caps a batch is decided on its own, and none waits
for the last one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import pyarrow as pa

from babelsift.filters.counting import MEMBERSHIP
from babelsift.filters.selection import (
    EVERY_LANGUAGE,
    Backfill,
    ScoreChoice,
    Selector,
    Thresholds,
    apply_backfills,
    can_meet,
    foreign_values,
    holds_values,
    language_states,
    merge_states,
    plan_backfills,
    score_column,
)
from babelsift.pipelines.core.groups.look_up import BATCHES, Answered, LookUp
from babelsift.pipelines.core.groups.pair_digests import caption_digests
from babelsift.pipelines.core.groups.radix_select import SelectedKeys
from babelsift.pipelines.core.side_inputs import OncePerBundle
from babelsift.pipelines.core.stage_outputs import REJECTED, StageOutputs, emit_step, kept_and_rejected
from babelsift.pipelines.core.transform import Transform, single_element
from babelsift.pipelines.stages.select.cap_candidates import candidates_of
from babelsift.pipelines.stages.select.cap_limits import AllLimits, CapLimits, reject_beyond_caps
from babelsift.pipelines.stages.select.match_documents import MatchDocuments
from babelsift.pipelines.stages.select.top_fractions import FractionThresholds
from babelsift.schemas import ColumnReason, Decision, RecipeError, Stage
from babelsift.schemas.recipe import Condition, SelectSettings
from babelsift.schemas.suggestions import did_you_mean

REPORT = "selection"  # the tag of SelectPairs' account of its thresholds

_Plan = tuple[Thresholds, Mapping[str, Backfill]]
_NO_PLAN: _Plan = ({}, {})
_SHOWN_VALUES = 8
_CAPTIONS = "captions"  # the table of captions' limits
_NO_LIMITS: list[bytes] = []


@dataclass
class SelectPairs(Transform):
    """Keeps the pairs that the settings ask for.

    Input and main output: batches with `language`, the similarity columns and every column that conditions name; uids
    are unique. REJECTED: the others; value is what was found, threshold what was asked for. A pair without a similarity
    is not kept by a rule on similarity. REPORT: one dict, what selection.json holds.

    Attributes:
        settings: the recipe's select group.
        names: of the CLIP models, in order.
        seed: of draws among pairs that come equal.
        reasons: column -> the reason of rows that a condition on it leaves out, where it has one of its own.
        partitions: of documents and of captions; results do not depend on how many.
    """

    settings: SelectSettings
    names: tuple[str, ...]
    seed: int = 0
    reasons: Mapping[str, ColumnReason] = field(default_factory=dict)
    partitions: int = 1

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> StageOutputs:
        """Finds the thresholds, the backfills of small languages, and the caps' limits; then decides all at once."""
        selector = Selector(self.settings, self.names, reasons=self.reasons)
        plan = self._plan(batches, selector)
        side_inputs: list[beam.pvalue.AsSideInput] = [] if plan is None else [beam.pvalue.AsSingleton(plan)]
        if plan is None:
            plan = single_element(batches, "NoPlan", _NO_PLAN)
        report = plan | "Report" >> beam.Map(report_of)
        if self.settings.one_to_one_in is not None:
            outputs = self._matched(batches, selector, side_inputs)
            return StageOutputs({**outputs, REPORT: report})
        tables: dict[str, beam.PCollection[bytes]] = {}
        if self.settings.caps:
            limits = self._limits(batches, selector, plan)
            tables = {_CAPTIONS: limits["caption"]} if self.settings.caps.per_caption is not None else {}
            others = beam.pvalue.AsList(limits["host"]), beam.pvalue.AsSingleton(limits["language"])
            side_inputs = [beam.pvalue.AsSingleton(plan), *others]
        look_up = LookUp(dict.fromkeys(tables, caption_digests), dict.fromkeys(tables, MEMBERSHIP), self.partitions)
        answered = {BATCHES: batches, **tables} | "LookUpCaps" >> look_up
        outputs = answered | "Decide" >> kept_and_rejected(beam.ParDo(_Select(selector, self.seed), *side_inputs))
        return StageOutputs({"kept": outputs.kept, REJECTED: outputs[REJECTED], REPORT: report})

    def _matched(
        self, batches: beam.PCollection[pa.RecordBatch], selector: Selector, plan: list[beam.pvalue.AsSideInput]
    ) -> StageOutputs:
        """Decides by the rules, matches what is kept, and caps what is matched."""
        rules = beam.ParDo(_Select(selector, self.seed, is_last=False), *plan)
        answered = {BATCHES: batches} | "NoCaps" >> LookUp({}, {}, self.partitions)
        decided = answered | "Decide" >> kept_and_rejected(rules)
        choice = ScoreChoice.of(self.settings.model, self.names)
        match = MatchDocuments(choice, self.partitions, is_last=not self.settings.caps)
        matched = decided.kept | "Match" >> match
        kept, rejected = matched.kept, [decided[REJECTED], matched[REJECTED]]
        if self.settings.caps:
            caps_alone = SelectSettings(model=self.settings.model, caps=self.settings.caps)
            capped = kept | "Cap" >> SelectPairs(caps_alone, self.names, self.seed, partitions=self.partitions)
            kept, rejected = capped.kept, [*rejected, capped[REJECTED]]
        return StageOutputs({"kept": kept, REJECTED: rejected | "AllRejected" >> beam.Flatten()})

    def _limits(
        self, batches: beam.PCollection[pa.RecordBatch], selector: Selector, plan: beam.PCollection[_Plan]
    ) -> dict[str, beam.PCollection]:
        make = beam.ParDo(_Candidates(selector, self.seed), beam.pvalue.AsSingleton(plan))
        candidates = batches | "Candidates" >> make.with_output_types(pa.RecordBatch)
        return candidates | "Caps" >> CapLimits(self.settings.caps, self.partitions)

    def _plan(self, batches: beam.PCollection[pa.RecordBatch], selector: Selector) -> beam.PCollection[_Plan] | None:
        if not selector.choices() and self.settings.min_pairs_per_language is None:
            return None
        thresholds = batches | "Thresholds" >> FractionThresholds(selector)
        if self.settings.min_pairs_per_language is None:
            return thresholds | "NoBackfill" >> beam.Map(_without_backfills)
        known = beam.pvalue.AsSingleton(thresholds)
        return (
            batches
            | "States" >> beam.Map(_states, selector, known).with_output_types(dict)
            | "MergeStates" >> beam.CombineGlobally(merge_states)
            | "Backfill" >> beam.Map(_with_backfills, selector, known)
        )


def check_columns(settings: SelectSettings, columns: pa.Schema) -> None:
    """Checks that the columns which rules name are there and hold what these compare.

    Args:
        settings: the recipe's select group.
        columns: all that rows have when they reach this stage.

    Raises:
        RecipeError: one is not, or holds something else; names the closest.
    """
    for rule, model in settings.walk():
        _check_scores([] if model is None else model.values() if isinstance(model, Mapping) else [model], columns)
        for name, condition in rule.conditions.items():
            if name in columns.names:
                _check_condition(name, condition, columns.field(name).type)
                continue
            comparable = [field.name for field in columns if can_meet(field.type, condition)]
            hint = did_you_mean(name, comparable, otherwise=f"there are {', '.join(comparable)}")
            raise RecipeError(f"select.conditions: no column {name!r} reaches this stage; {hint}")


def check_known_columns(settings: SelectSettings, columns: pa.Schema) -> None:
    """Checks as `check_columns` does the conditions on columns that are known before models and input are.

    Args:
        settings: the recipe's select group.
        columns: those that are known.

    Raises:
        RecipeError: one holds what a condition cannot compare.
    """
    for rule, _ in settings.walk():
        for name, condition in rule.conditions.items():
            if name in columns.names:
                _check_condition(name, condition, columns.field(name).type)


def _check_condition(name: str, condition: Condition, kind: pa.DataType) -> None:
    if can_meet(kind, condition):
        return
    if condition.compares_numbers:
        needs = "a condition compares numbers"
    elif not holds_values(kind):
        needs = "in, not_in and any_of look for strings, integers or lists of them"
    else:
        member, values = foreign_values(kind, condition) or ("in", ())
        shown = ", ".join(json.dumps(value, ensure_ascii=False) for value in values[:_SHOWN_VALUES])
        needs = f"{member} names none of its values: {shown}; write values of its type"
    raise RecipeError(f"select.conditions: column {name!r} holds {kind}, and {needs}")


def _check_scores(names: Iterable[str], columns: pa.Schema) -> None:
    """Checks that what rules take for a similarity is numbers."""
    numbers = [one.name for one in columns if pa.types.is_floating(one.type) or pa.types.is_integer(one.type)]
    for name in names:
        column = score_column(name, columns)
        if column not in numbers:
            what = f"holds {columns.field(column).type}, no numbers" if column in columns.names else "is not there"
            hint = did_you_mean(name, numbers, otherwise=f"there are {', '.join(numbers)}")
            raise RecipeError(f"select.model: column {name!r} {what}; {hint}")


def decide(batch: pa.RecordBatch, selector: Selector, backfills: Mapping[str, Backfill] | None = None) -> Decision:
    """Returns the verdict on a batch before caps, given the thresholds of all batches."""
    decision = selector.decide(batch)
    apply_backfills(decision, batch, selector, backfills or {})
    return decision


def report_of(plan: _Plan) -> dict[str, Any]:
    """Returns the account of the thresholds and the backfills, as selection.json has it."""
    thresholds, backfills = plan
    order = sorted(thresholds.items(), key=lambda item: (item[0].choice.models, item[0].fraction, item[0].language))
    return {
        "top_fractions": [
            {
                "models": dict(fraction.choice.models),
                "language": None if fraction.language == EVERY_LANGUAGE else fraction.language,
                "fraction": fraction.fraction,
                "lowest_kept": threshold.score,
                "exact": threshold.bin is None,
            }
            for fraction, threshold in order
        ],
        "relaxed_languages": {
            language: {
                "minimum": backfill.minimum,
                "kept_before": backfill.kept,
                "given_back": backfill.backfilled,
                "lowest_given_back": backfill.threshold.score if backfill.backfilled else None,
            }
            for language, backfill in sorted(backfills.items())
        },
    }


def _states(batch: pa.RecordBatch, selector: Selector, thresholds: Thresholds) -> dict:
    return language_states(batch, Selector(selector.settings, selector.names, thresholds, selector.reasons))


def _with_backfills(states: dict, selector: Selector, thresholds: Thresholds) -> _Plan:
    return thresholds, plan_backfills(states, selector)


def _without_backfills(thresholds: Thresholds) -> _Plan:
    return thresholds, {}


class _Candidates(beam.DoFn):
    def __init__(self, selector: Selector, seed: int) -> None:
        self._selector = selector
        self._seed = seed

    def process(self, element: pa.RecordBatch, plan: _Plan) -> Iterator[pa.RecordBatch]:
        self._selector.thresholds, backfills = plan
        kept = decide(element, self._selector, backfills).kept
        if kept.any():
            yield candidates_of(element, kept, self._selector, self._seed)


class _Select(beam.DoFn):
    """Decides each batch; is_last: whether what is kept has come through the stage, so that it is counted."""

    def __init__(self, selector: Selector, seed: int, *, is_last: bool = True) -> None:
        self._selector = selector
        self._seed = seed
        self._is_last = is_last
        self._limits = OncePerBundle(AllLimits.of)

    def process(
        self,
        element: Answered,
        plan: _Plan = _NO_PLAN,
        hosts: list[bytes] | None = None,
        languages: SelectedKeys | None = None,
    ) -> Iterator[object]:
        self._selector.thresholds, backfills = plan
        for batch in element.batches:
            decision = decide(batch, self._selector, backfills)
            if hosts is not None:
                limits = self._limits.of(element.answers.get(_CAPTIONS, _NO_LIMITS), hosts, languages)
                reject_beyond_caps(decision, batch, self._selector, self._seed, limits)
            kept, rejected = decision.split(batch, Stage.SELECT)
            yield from emit_step(Stage.SELECT, kept, [rejected], is_last=self._is_last)
