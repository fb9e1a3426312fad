"""How far a pair is from the bound that left it out, or that it passed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from babelsift.filters.measures.table import MEASURES
from babelsift.filters.selection import ScoreChoice
from babelsift.schemas import Recipe, RejectReason, Stage
from babelsift.schemas.recipe import setting_for

_SIDES = re.compile(r"(\d+)x(\d+) px")
_NUMBER = re.compile(r"(?<![\w.:-])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.:-])")


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
        {(stage, reason of the rows beyond the bound): (float64[n] numbers, float64[n] distances)}, NaN where a row has
        no such number.
    """
    distances: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}
    for measure in MEASURES:
        for bound in measure.bounds:
            value = bound.value_in(recipe)
            if value is not None:
                numbers = _floats(measure.of(batch))
                distances[measure.stage.value, bound.reason.value] = numbers, np.abs(numbers - value)
    return distances | _selected(batch, recipe)


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
