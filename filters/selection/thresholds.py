"""Thresholds of top fractions: the lowest similarity that each keeps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from babelsift.filters.selection.histogram import bins_of
from babelsift.filters.selection.score_choice import ScoreChoice

EVERY_LANGUAGE = ""
_NO_BIN = np.iinfo(np.int64).min


@dataclass(frozen=True)
class TopFraction:
    """A fraction that an expression of rules keeps.

    Attributes:
        choice: by whose similarity.
        language: of that language's pairs, or of all pairs (EVERY_LANGUAGE).
        fraction: above 0, to 1.
    """

    choice: ScoreChoice
    language: str
    fraction: float


@dataclass(frozen=True)
class Threshold:
    """The lowest similarity that a top fraction keeps: a histogram's bin, or a very value.

    Attributes:
        score: the value, or the bin's lower edge.
        bin: None where the value itself is the threshold.
    """

    score: float
    bin: int | None = None

    def reached_by(self, scores: np.ndarray) -> np.ndarray:
        """Returns bool[n], which scores reach the threshold; NaN does not.

        Args:
            scores: float32[n].

        >>> Threshold(0.3).reached_by(np.array([0.29, 0.3, np.nan], np.float32)).tolist()
        [False, True, False]
        """
        if self.bin is None:
            return scores >= np.float32(self.score)
        return np.where(np.isnan(scores), _NO_BIN, bins_of(np.nan_to_num(scores))) >= self.bin


Thresholds = dict[TopFraction, Threshold]
