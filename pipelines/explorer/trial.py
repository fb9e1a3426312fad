"""Tries moved thresholds on a finished run, by the functions that decide in a run and in a dry run.

A trial decides two stages anew, image_rules and select, on the pairs that reached them in the run. What a dry run alone
can say stays open: pairs that an image rule, or a condition that decides early, left out and now lets through are
`unknown`, as deduplication and scoring come in between; caps and balancing are as the run had them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.selection import (
    Selector,
    apply_backfills,
    binned_thresholds,
    histograms_of,
    language_states,
    plan_backfills,
    reject_by_condition,
    score_column,
)
from babelsift.pipelines.explorer.pairs.columns import Columns
from babelsift.pipelines.explorer.pairs.query import QueryError
from babelsift.pipelines.stages.image_rules import decide_images
from babelsift.pipelines.stages.select.top_fractions import exact_thresholds_of
from babelsift.schemas import STAGE_ORDER, ColumnReason, KeptRows, Recipe, RejectReason, Stage, parse_recipe
from babelsift.schemas.recipe import SelectSettings, setting_for

Changes = Mapping[str, Any]  # setting -> its value, as a recipe has it
EDGE_PAIRS = 12
_IMAGE_SETTINGS = {
    "images.min_side_px": ("short_side_px", "min"),
    "images.max_aspect_ratio": ("aspect_ratio", "max"),
    "images.min_bytes": ("original_bytes", "min"),
}
_IMAGE_COLUMNS = ("original_width", "original_height", "original_bytes")
_BOUNDS = ("min", "above", "max", "below")


@dataclass(frozen=True)
class Slider:
    """A threshold that can be moved.

    Attributes:
        setting: its path in the recipe.
        column: whose numbers it bounds.
        bound: min, above, max or below.
        value: the run's: a number, one a language with `default`, or None where it is off.
        by_language: whether it may be set by language.
    """

    setting: str
    column: str
    bound: str
    value: Any
    by_language: bool

    def at(self, language: str | None) -> float | None:
        """Returns the bound of a language; None where there is none."""
        return setting_for(self.value, language)


class Trial:
    """A run's thresholds, to be moved.

    Attributes:
        columns: of all its pairs.
        recipe: that judged them.
        text: the recipe as YAML.
    """

    def __init__(self, columns: Columns, recipe: Recipe, text: str) -> None:
        self.columns, self.recipe, self.text = columns, recipe, text
        self._batches: dict[tuple[Stage, tuple[str, ...]], pa.RecordBatch] = {}

    def changed(self, changes: Changes) -> Recipe:
        """Returns the recipe with settings changed.

        Raises:
            RecipeError: it cannot be so.
        """
        return parse_recipe(self.text, source="recipe.yaml", changes=change_lines(changes))

    def sliders(self, recipe: Recipe | None = None) -> list[Slider]:
        """Returns what can be moved: thresholds that are on, and those of columns that every scored pair has."""
        recipe = recipe or self.recipe
        numbers = set(self.columns.names("number"))
        return [slider for slider in _sliders(recipe, sorted(numbers)) if slider.column in numbers]

    def outcome(self, changes: Changes, *, at: str | None = None, language: str | None = None) -> dict[str, Any]:
        """Returns what changed thresholds keep, in pairs, beside what the run kept.

        Args:
            changes: the settings.
            at: the slider whose edge is shown.
            language: of the pairs at the edge; None: of all.

        Returns:
            {"total", "languages": {language: counts}, "unknown", "edge": {"kept", "left_out": rows, the nearest first}}
            with counts of {"reached", "run", "trial", "gained", "lost"}: pairs that reached the stage select, that
            the run and the trial keep there, and that one of them alone keeps.

        Raises:
            RecipeError: the recipe cannot be so.
        """
        recipe = self.changed(changes)
        lets_through = self._lets_images_through(recipe)
        reached = self._reached(Stage.SELECT)
        kept = self._selected(recipe, lets_through[reached])
        run_kept = self._passed(Stage.SELECT)[reached]
        outcome = self._counts(reached, run_kept, kept)
        gone_before = self._rejected_at(Stage.IMAGE_RULES)
        outcome["unknown"] = int((lets_through & gone_before).sum()) + self._past_early_conditions(recipe)
        outcome["edge"] = self._edge(recipe, at, language, reached, kept) if at else None
        return outcome

    def _past_early_conditions(self, recipe: Recipe) -> int:
        """Returns how many pairs a condition left out before the stage select, and lets through as it is now."""
        pairs = 0
        for column, before in self.recipe.select.conditions.items():
            now = recipe.select.conditions.get(column)
            if now == before:
                continue
            rows = self._left_out_early(column)
            decision = KeptRows.keep_all(len(rows))
            if now is not None and column in self.columns.table.column_names:
                languages = pc.fill_null(self.columns.column("language").take(rows).dictionary_decode(), "und")
                arrays = [self.columns.column(column).take(rows), languages]
                batch = pa.RecordBatch.from_arrays(arrays, names=[column, "language"])
                met_by_null = now.model_copy(update={"keep_null": True})  # of pairs of which no value is known
                reject_by_condition(batch, column, met_by_null, decision)
            pairs += int(decision.kept.sum())
        return pairs

    def _left_out_early(self, column: str) -> pa.Array:
        """Returns the rows that a condition on a column left out before the stage select."""
        reasons = self.columns.column("reason").dictionary_decode()
        named = pc.starts_with(self.columns.column("value"), f"{column} ")
        by_condition = pc.and_kleene(pc.equal(reasons, RejectReason.CONDITION_NOT_MET.value), named)
        is_of_it = pc.or_kleene(pc.equal(reasons, ColumnReason(column).value), by_condition)
        is_early = pa.array(self._stage_numbers < STAGE_ORDER.index(Stage.SELECT))
        return pc.indices_nonzero(pc.fill_null(pc.and_kleene(is_of_it, is_early), False))

    def _lets_images_through(self, recipe: Recipe) -> np.ndarray:
        """Returns bool[n], the pairs that came to the image rules and pass these."""
        through = np.zeros(len(self.columns.table), bool)
        rows = self._reached(Stage.IMAGE_RULES)
        if recipe.images == self.recipe.images:
            through[rows] = self._passed(Stage.IMAGE_RULES)[rows]
        else:
            batch = self._batch(Stage.IMAGE_RULES, _IMAGE_COLUMNS)
            through[rows] = decide_images(batch, recipe.images, as_kind=KeptRows).kept
        return through

    def _selected(self, recipe: Recipe, lets_through: np.ndarray) -> np.ndarray:
        """Returns bool[m], which of the pairs that reached the stage select are kept there."""
        settings, names = recipe.select, recipe.model_names
        batch = self._batch(Stage.SELECT, _columns_of(settings, names, self.columns.table.schema))
        self._check_known(settings)
        if not lets_through.all():
            batch = batch.filter(pa.array(lets_through))
        selector = Selector(settings, names)
        selector.thresholds = _thresholds(selector, batch)
        decision = selector.decide(batch, as_kind=KeptRows)
        if settings.min_pairs_per_language is not None:
            apply_backfills(decision, batch, selector, plan_backfills(language_states(batch, selector), selector))
        kept = np.zeros(len(lets_through), bool)
        kept[lets_through] = decision.kept
        return kept

    def _check_known(self, settings: SelectSettings) -> None:
        """Refuses conditions on columns whose values of rejected pairs are not known, where the ledger has them."""
        values = self.columns.column("value").take(pa.array(self._reached(Stage.SELECT)))
        for name in {name for rule, _ in settings.walk() for name in rule.conditions}:
            said = pc.fill_null(pc.starts_with(values, f"{name} "), False)
            column = self.columns.column(name).take(pa.array(self._reached(Stage.SELECT)))
            if pc.any(pc.and_(said, column.is_null())).as_py():
                raise QueryError(f"the values of {name} are not stored of pairs that were left out; ask for a dry run")

    def _counts(self, reached: np.ndarray, run_kept: np.ndarray, kept: np.ndarray) -> dict[str, Any]:
        languages = self.columns.facet("language")
        codes = languages.codes[reached]
        of_outcome = {
            "reached": np.ones(len(reached), bool),
            "run": run_kept,
            "trial": kept,
            "gained": kept & ~run_kept,
            "lost": run_kept & ~kept,
        }
        counts = {name: np.bincount(codes[rows], minlength=len(languages.words)) for name, rows in of_outcome.items()}
        order = np.argsort(-counts["reached"], kind="stable").tolist()
        by_language = {
            languages.words[code] or "und": {name: int(counts[name][code]) for name in counts}
            for code in order
            if counts["reached"][code]
        }
        return {"total": {name: int(of_name.sum()) for name, of_name in counts.items()}, "languages": by_language}

    def _edge(
        self, recipe: Recipe, at: str, language: str | None, reached: np.ndarray, kept: np.ndarray
    ) -> dict[str, list[int]]:
        """Returns the rows nearest to a threshold on both sides of what is kept."""
        slider = next((slider for slider in self.sliders(recipe) if slider.setting == at), None)
        if slider is None:
            raise QueryError(f"no threshold {at!r} can be moved")
        rows = reached if slider.setting not in _IMAGE_SETTINGS else self._reached(Stage.IMAGE_RULES)
        is_kept = np.zeros(len(self.columns.table), bool)
        is_kept[reached[kept]] = True
        languages = self.columns.facet("language")
        codes = languages.codes[rows]
        bounds = np.array([slider.at(word) if slider.at(word) is not None else np.nan for word in languages.words])
        distance = np.abs(self.columns.numbers(slider.column).values[rows] - bounds[codes])
        if language is not None:
            distance = np.where(codes == languages.code_of.get(language, -1), distance, np.nan)
        return {
            "kept": rows[_nearest(np.where(is_kept[rows], distance, np.nan))].tolist(),
            "left_out": rows[_nearest(np.where(is_kept[rows], np.nan, distance))].tolist(),
        }

    @cached_property
    def _stage_numbers(self) -> np.ndarray:
        """int8[n], the place of the stage that left each pair out in their order; after the last of a kept one."""
        stages = self.columns.facet("stage")
        order = [stage.value for stage in STAGE_ORDER]
        places = [len(order) if word is None else order.index(word) for word in stages.words]
        return np.array(places, np.int8)[stages.codes]

    def _reached(self, stage: Stage) -> np.ndarray:
        return np.flatnonzero(self._stage_numbers >= STAGE_ORDER.index(stage))

    def _passed(self, stage: Stage) -> np.ndarray:
        return self._stage_numbers > STAGE_ORDER.index(stage)

    def _rejected_at(self, stage: Stage) -> np.ndarray:
        return self._stage_numbers == STAGE_ORDER.index(stage)

    def _batch(self, stage: Stage, names: tuple[str, ...]) -> pa.RecordBatch:
        if (stage, names) not in self._batches:
            rows = pa.array(self._reached(stage))
            columns = [self.columns.column(name).take(rows) for name in names]
            self._batches[stage, names] = pa.RecordBatch.from_arrays(columns, names=list(names))
        return self._batches[stage, names]


def change_lines(changes: Changes) -> list[str]:
    """Returns changes as the command line has them; a text is a value's YAML.

    >>> change_lines({"select.min_similarity": {"default": 0.25, "en": 0.3}, "language.keep": "[en, de]"})
    ['select.min_similarity={"default": 0.25, "en": 0.3}', 'language.keep=[en, de]']
    """
    return [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in changes.items()]


def _sliders(recipe: Recipe, numbers: list[str]) -> Iterator[Slider]:
    select = recipe.select
    if recipe.model_names and (select.model is None or isinstance(select.model, str)):
        name = select.model or recipe.model_names[0]
        column = f"similarity_{name}" if f"similarity_{name}" in numbers else name
        yield Slider("select.min_similarity", column, "min", select.min_similarity, by_language=True)
    for column, condition in select.conditions.items():
        for bound in _BOUNDS:
            if (value := getattr(condition, bound)) is not None:
                yield Slider(f"select.conditions.{column}.{bound}", column, bound, value, by_language=True)
    for setting, (column, bound) in _IMAGE_SETTINGS.items():
        value = getattr(recipe.images, setting.partition(".")[2])
        yield Slider(setting, column, bound, value, by_language=False)


def _columns_of(settings: SelectSettings, names: tuple[str, ...], schema: pa.Schema) -> tuple[str, ...]:
    wanted = {"language"}
    for rule, model in settings.walk():
        chosen = names[:1] if model is None else model.values() if isinstance(model, Mapping) else [model]
        wanted |= {score_column(name, schema) for name in chosen} | set(rule.conditions)
        wanted |= {"caption"} if rule.captions is not None else set()
    if missing := sorted(wanted - set(schema.names)):
        raise QueryError(f"the pairs that were left out have no {', '.join(missing)}; ask for a dry run")
    return tuple(sorted(wanted))


def _thresholds(selector: Selector, batch: pa.RecordBatch) -> Any:
    if selector.settings.exact_fractions:
        return exact_thresholds_of(batch, selector)
    return binned_thresholds(selector, {choice: histograms_of(batch, choice) for choice in selector.choices()})


def _nearest(distance: np.ndarray) -> np.ndarray:
    """Returns the indices of the least distances, NaN left out."""
    known = np.flatnonzero(~np.isnan(distance))
    if len(known) > EDGE_PAIRS:
        known = known[np.argpartition(distance[known], EDGE_PAIRS)[:EDGE_PAIRS]]
    return known[np.argsort(distance[known], kind="stable")]
