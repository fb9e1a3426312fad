"""How far a pair is from the bound that left it out, or that it passed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from babelsift.filters.measures.table import MEASURES
from babelsift.filters.selection import ScoreChoice, numbers_of
from babelsift.schemas import ColumnReason, Recipe, RejectReason, Stage
from babelsift.schemas.recipe import Condition, setting_for

_SIDES = re.compile(r"(\d+)x(\d+) px")
_NUMBER = re.compile(r"(?<![\w.:-])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.:-])")


CONDITIONS = "select.conditions"  # in the place of a stage: a condition decides wherever its column is made


def bound_of(stage: str, reason: str, threshold: str) -> tuple[str, str]:
    """Returns which bound left a row out: (stage, reason), or (CONDITIONS, the column) where it was a condition.

    Args:
        stage, reason, threshold: of a row of the ledger.

    >>> bound_of("select", "toxicity_not_met", "toxicity <= 0.5"), bound_of("rules", "too_few_words", "3")
    (('select.conditions', 'toxicity'), ('rules', 'too_few_words'))
    """
    column = threshold.partition(" ")[0]
    is_condition = reason in (RejectReason.CONDITION_NOT_MET.value, ColumnReason(column).value)
    return (CONDITIONS, column) if is_condition else (stage, reason)


def ledger_number(value: str | None, reason: str) -> float | None:
    """Returns the number that a row's rule compared, from what the ledger says that it found; None where it has none.

    Args:
        value: of the row, as the ledger has it.
        reason: likewise.

    >>> ledger_number("20x30 px", "image_too_small"), ledger_number("toxicity 0.75", "toxicity_not_met")
    (20.0, 0.75)
    >>> ledger_number("fi", "language_not_kept") is None
    True
    """
    if value is None:
        return None
    if sides := _SIDES.fullmatch(value):
        shorter, longer = sorted(map(int, sides.groups()))
        return longer / max(shorter, 1) if reason == RejectReason.ASPECT_RATIO_TOO_LARGE.value else float(shorter)
    numbers = _NUMBER.findall(value)
    return float(numbers[-1]) if numbers else None


def distance_to_bound(value: str | None, threshold: str | None, reason: str) -> float | None:
    """Returns how far a rejected row was beyond the bound that left it out; None where the ledger has no two numbers.

    Args:
        value, threshold, reason: of a row of the ledger.

    >>> distance_to_bound("4", "5", "too_few_characters"), distance_to_bound("fi", "en de", "language_not_kept")
    (1.0, None)
    """
    number, bounds = ledger_number(value, reason), _NUMBER.findall(threshold or "")
    return None if number is None or not bounds else min(abs(number - float(bound)) for bound in bounds)


def distances_within(batch: pa.RecordBatch, recipe: Recipe) -> Mapping[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """Returns how far each row of a batch that was kept is within the bounds that it passed.

    Args:
        batch: rows that were kept at the end, n of them.
        recipe: their run's.

    Returns:
        {the bound, as `bound_of` names it: (float64[n] numbers, float64[n] distances)}, NaN where a row has no such
        number.
    """
    distances: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}
    for measure in MEASURES:
        for bound in measure.bounds:
            value = bound.value_in(recipe)
            if value is not None:
                numbers = _floats(measure.of(batch))
                distances[measure.stage.value, bound.reason.value] = numbers, np.abs(numbers - value)
    return distances | _selected(batch, recipe) | dict(_within_conditions(batch, recipe))


def _within_conditions(
    batch: pa.RecordBatch, recipe: Recipe
) -> Iterator[tuple[tuple[str, str], tuple[np.ndarray, np.ndarray]]]:
    """Yields numbers and their distances to the conditions that every pair must meet."""
    for rule, _ in recipe.select.required():
        for column, condition in rule.conditions.items():
            if condition.compares_numbers and column in batch.schema.names:
                numbers, missing = numbers_of(batch.column(column))
                known = np.where(missing, np.nan, numbers.astype(np.float64))
                bounds = _bounds_of_rows(condition, batch.column("language"))
                yield (CONDITIONS, column), (known, np.fmin.reduce(np.abs(known[:, None] - bounds), axis=1))


def _bounds_of_rows(condition: Condition, languages: pa.Array) -> np.ndarray:
    """Returns float64[n, 4], the bounds of a condition on rows of some languages; NaN where it has none."""
    encoded = languages.dictionary_encode(null_encoding="encode")
    of_language = [condition.for_language(language) for language in encoded.dictionary.to_pylist()]
    bounds = [[one.min, one.above, one.max, one.below] for one in of_language]
    table = np.array(bounds, object).astype(np.float64).reshape(-1, 4)  # None becomes NaN
    return table[encoded.indices.to_numpy(zero_copy_only=False)]


def _selected(batch: pa.RecordBatch, recipe: Recipe) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """Returns scores and their distances to what select asks for; to a top fraction's threshold but for a constant."""
    if not recipe.model_names or recipe.select.similarity_setting is None:
        return {}
    choice = ScoreChoice.of(recipe.select.model, recipe.model_names)
    scores = choice.scores(batch).astype(np.float64)
    minimum: Any = recipe.select.min_similarity
    if minimum is None:
        return {(Stage.SELECT.value, RejectReason.OUTSIDE_TOP_FRACTION.value): (scores, scores)}
    bounds = [setting_for(minimum, language) for language in batch.column("language").to_pylist()]
    asked = np.array([np.nan if bound is None else bound for bound in bounds], np.float64)
    return {(Stage.SELECT.value, RejectReason.SIMILARITY_TOO_LOW.value): (scores, scores - asked)}


def _floats(values: pa.Array) -> np.ndarray:
    return values.cast(pa.float64()).to_numpy(zero_copy_only=False)
