"""The numbers that rules compare, and the recipe's bounds on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.text import count_characters, count_words
from babelsift.schemas import Recipe, RejectReason, Stage


@dataclass(frozen=True)
class Bound:
    """A setting that bounds a measure for all languages.

    Attributes:
        group, setting: where a recipe has it. reason: of the rows beyond it.
        is_minimum: whether smaller values are beyond it, or else larger ones.
    """

    group: str
    setting: str
    reason: RejectReason
    is_minimum: bool

    def value_in(self, recipe: Recipe) -> float | None:
        """Returns the bound; None where the recipe has none."""
        value = getattr(getattr(recipe, self.group), self.setting)
        return None if value is None else float(value)


@dataclass(frozen=True)
class Measure:
    """A number that rules compare.

    Attributes:
        name: as the report calls it. stage: whose rows have it.
        of: returns number[n], nullable, of a batch that has been through that stage.
        bounds: that a recipe may set.
        is_scaled: whether ratios of values say more than their differences, as of sizes.
    """

    name: str
    stage: Stage
    of: Callable[[pa.RecordBatch], pa.Array]
    bounds: tuple[Bound, ...] = ()
    is_scaled: bool = False


def _shorter_side(batch: pa.RecordBatch) -> pa.Array:
    return pc.min_element_wise(batch.column("original_width"), batch.column("original_height"))


def _aspect_ratio(batch: pa.RecordBatch) -> pa.Array:
    longer = pc.max_element_wise(batch.column("original_width"), batch.column("original_height"))
    return pc.divide(longer.cast(pa.float64()), pc.max_element_wise(_shorter_side(batch), 1).cast(pa.float64()))


_R = RejectReason
MEASURES: tuple[Measure, ...] = (
    Measure(
        "caption length, characters",
        Stage.RULES,
        lambda batch: count_characters(batch.column("caption")),
        (
            Bound("captions", "min_characters", _R.TOO_FEW_CHARACTERS, True),
            Bound("captions", "max_characters", _R.TOO_MANY_CHARACTERS, False),
        ),
    ),
    Measure(
        "caption length, words",
        Stage.RULES,
        lambda batch: count_words(batch.column("caption")),
        (
            Bound("captions", "min_words", _R.TOO_FEW_WORDS, True),
            Bound("captions", "max_words", _R.TOO_MANY_WORDS, False),
        ),
    ),
    Measure(
        "language score",
        Stage.LANGUAGE,
        lambda batch: batch.column("language_score"),
        (Bound("language", "min_score", _R.LANGUAGE_SCORE_TOO_LOW, True),),
    ),
    Measure(
        "shorter side, px",
        Stage.IMAGE_RULES,
        _shorter_side,
        (Bound("images", "min_side_px", _R.IMAGE_TOO_SMALL, True),),
        is_scaled=True,
    ),
    Measure(
        "aspect ratio, longer side to shorter",
        Stage.IMAGE_RULES,
        _aspect_ratio,
        (Bound("images", "max_aspect_ratio", _R.ASPECT_RATIO_TOO_LARGE, False),),
    ),
    Measure(
        "file size, bytes",
        Stage.IMAGE_RULES,
        lambda batch: batch.column("original_bytes"),
        (Bound("images", "min_bytes", _R.FILE_TOO_SMALL, True),),
        is_scaled=True,
    ),
)
