"""The model of n-grams and words that ships: how much each of them speaks for each language of a script.

`python -m tools.language_model` makes its file. It knows languages that lid.176 lacks, and was learned from short
texts. What it learned from is in docs/language.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from babelsift.filters.language.ngram_kernels import slots_of, sum_weights
from babelsift.filters.strings import CodePoints

MODEL_FILE = Path(__file__).with_name("ngrams.npz")


@dataclass(frozen=True)
class NgramModel:
    """What n-grams say of the languages that are written in a script.

    Attributes:
        languages: as captions carry them.
        slots: int32[power of two], the hash table of `keys`.
        keys: uint32[r], of n-grams and words.
        weights: int8[r, languages].
        scale: of a weight, in nats.
    """

    languages: tuple[str, ...]
    slots: np.ndarray
    keys: np.ndarray
    weights: np.ndarray
    scale: float

    def sum_evidence(self, texts: CodePoints, rows: np.ndarray, capitals: np.ndarray | None = None) -> np.ndarray:
        """Returns float32[k, languages], what the known features of the texts add up to, in nats.

        Args:
            texts: lower-case words separated by spaces or apostrophes.
            rows: int64[k], the texts to look at.
            capitals: bool[m], which of their letters were capitals before; None: none.
        """
        if capitals is None:
            capitals = np.zeros(len(texts.values), dtype=bool)
        sums = sum_weights(texts.values, texts.starts, rows, (self.slots, self.keys, self.weights), capitals)
        return sums * np.float32(self.scale)


@cache
def read_ngrams() -> dict[str, NgramModel]:
    """Returns the shipped models by script (ISO 15924)."""
    with np.load(MODEL_FILE, allow_pickle=False) as arrays:
        scripts = [name.removeprefix("keys_") for name in arrays if name.startswith("keys_")]
        return {script: _model(*(arrays[f"{part}_{script}"] for part in _PARTS)) for script in scripts}


_PARTS = ("languages", "keys", "weights", "scale")


def _model(languages: np.ndarray, keys: np.ndarray, weights: np.ndarray, scale: np.ndarray) -> NgramModel:
    size = 1 << int(2 * len(keys) - 1).bit_length()
    return NgramModel(tuple(languages.tolist()), slots_of(keys, size), keys, weights, float(scale))
