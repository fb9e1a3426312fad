"""Conditions that decide at the end of the stage that makes their column, and not in the stage select."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa

from babelsift.filters.counting import count_column
from babelsift.filters.selection import reject_by_condition
from babelsift.pipelines.core.counters import count
from babelsift.pipelines.core.stage_outputs import REJECTED, StageOutputs, emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.run_folder.condition_stages import condition_stages, stage_of_column
from babelsift.pipelines.stages.columns.resolved import ResolvedColumn
from babelsift.schemas import (
    ColumnReason,
    Decision,
    Recipe,
    RejectReason,
    Stage,
)
from babelsift.schemas.recipe import Condition, SelectSettings

COUNTS = "column_counts"  # the tag of how columns are spread: {column: ColumnCounts}
Conditions = Mapping[str, Condition]  # column -> what its value must be


@dataclass(frozen=True)
class PlacedConditions:
    """Where the conditions of a recipe's `select` decide.

    Attributes:
        by_stage: stage -> the conditions that decide at its end; those of SELECT decide in it.
        reasons: column -> the reason of rows that a condition on it leaves out, where it has one of its own.
    """

    by_stage: Mapping[Stage, Conditions]
    reasons: Mapping[str, ColumnReason]

    def of(self, stage: Stage) -> Conditions:
        """Returns the conditions that decide at the end of a stage."""
        return self.by_stage.get(stage, {})


def place_conditions(recipe: Recipe, columns: Sequence[ResolvedColumn]) -> PlacedConditions:
    """Returns where each condition of a recipe's `select` decides; those of rules inside it decide in the stage select.

    Args:
        recipe: the run's settings.
        columns: the recipe's, with their makers.
    """
    made = {output.name: stage_of_column(one.column) for one in columns for output in one.outputs}
    reasons = {name: ColumnReason(name) for name in made}
    reasons |= {column.name: ColumnReason(column.name) for column in recipe.columns if column.head is not None}
    placed: dict[Stage, dict[str, Condition]] = {}
    for name, stage in condition_stages(recipe, made).items():
        placed.setdefault(stage, {})[name] = recipe.select.conditions[name]
    return PlacedConditions(placed, reasons)


def late_conditions(select: SelectSettings, placed: PlacedConditions) -> SelectSettings:
    """Returns a select group without the conditions that have decided before."""
    return select.model_copy(update={"conditions": dict(placed.of(Stage.SELECT))})


@dataclass
class DecideEarly(Transform):
    """Takes a stage's outputs, and leaves out of what it keeps the rows that do not meet conditions.

    Input: the outputs of a stage, by tag. Output: the same, with rows moved from `kept` to REJECTED, and COUNTS: how
    the columns are spread that the conditions are on.

    Attributes:
        stage: whose rows they are, in the ledger too.
        conditions: on columns that its rows have.
        reasons: see `PlacedConditions`.
    """

    stage: Stage
    conditions: Conditions
    reasons: Mapping[str, ColumnReason]

    def expand(self, outputs: Mapping[str, beam.PCollection]) -> StageOutputs:
        """Decides each batch on its own."""
        decide = beam.ParDo(_Decide(self.stage, self.conditions, self.reasons))
        decided = outputs["kept"] | "Decide" >> kept_and_rejected(decide, {COUNTS: dict})
        rejected = (outputs[REJECTED], decided[REJECTED]) | "AllRejected" >> beam.Flatten()
        return StageOutputs({**outputs, "kept": decided.kept, REJECTED: rejected, COUNTS: decided[COUNTS]})


def decide_early(outputs: Any, stage: Stage, placed: PlacedConditions, tags: Collection[str] = ()) -> Any:
    """Returns a stage's outputs after the conditions that decide at its end, as they are where there are none.

    Args:
        outputs: of the stage, by tag.
        stage: which.
        placed: the recipe's conditions.
        tags: of outputs beside `kept` and REJECTED that are to stay.
    """
    conditions = placed.of(stage)
    if not conditions:
        return outputs
    named = {tag: outputs[tag] for tag in ("kept", REJECTED, *tags)}
    return named | f"Conditions_{stage.value}" >> DecideEarly(stage, conditions, placed.reasons)


def apply_conditions(
    batch: pa.RecordBatch, conditions: Conditions, reasons: Mapping[str, ColumnReason], decision: Decision
) -> None:
    """Rejects the rows of a batch that do not meet conditions on its columns."""
    for name, condition in conditions.items():
        reason = reasons.get(name, RejectReason.CONDITION_NOT_MET)
        reject_by_condition(batch, name, condition, decision, reason)


class _Decide(beam.DoFn):
    def __init__(self, stage: Stage, conditions: Conditions, reasons: Mapping[str, ColumnReason]) -> None:
        self._stage, self._conditions, self._reasons = stage, conditions, reasons

    def process(self, element: pa.RecordBatch) -> Iterator[object]:
        decision = Decision.keep_all(len(element))
        apply_conditions(element, self._conditions, self._reasons, decision)
        kept, rejected = decision.split(element, self._stage)
        counts = {name: count_column(element, name) for name in self._conditions}
        yield beam.pvalue.TaggedOutput(COUNTS, counts)
        if len(kept):
            yield kept
        if len(rejected):
            count(self._stage, "out_rows", -len(rejected))  # the stage counted them as let out
        yield from emit(self._stage, 0, [], [rejected])
