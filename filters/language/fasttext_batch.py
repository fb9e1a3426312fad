"""Asks a fastText model for the most probable labels of a whole batch of texts in a single call.

fastText itself takes a text at a time, through Python. For models such as the one that ships, the same arithmetic is
done here for many texts at once.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from babelsift.filters.language.fasttext_file import QuantisedModel, read_quantised, softmax_tree
from babelsift.filters.strings import CodePoints, flatten

_LINE_END = b"</s>"


class BatchModel:
    """A quantised fastText model with a hierarchical softmax."""

    def __init__(self, model: QuantisedModel) -> None:
        """Prepares a model's arrays.

        Args:
            model: as `read_quantised` returns it.
        """
        from babelsift.filters.language.fasttext_kernels import (
            word_hashes,  # needs numba, and only models do
        )

        self.labels = model.labels
        words = flatten(pa.array([f"<{word.decode(errors='replace')}>" for word in model.words], pa.large_string()))
        hashes = word_hashes(words.values, words.starts)
        rows = np.argsort(hashes)
        known, ngrams = (hashes[rows], rows), (model.bucket_rows, model.min_n, model.max_n)
        tree = np.array(softmax_tree(model.label_counts.tolist()), np.int64).reshape(-1, 2)
        self._arrays = known, ngrams, model.vectors, model.words.index(_LINE_END), tree, model.outputs

    @classmethod
    def read(cls, path: str) -> BatchModel | None:
        """Returns the model in a file that fastText itself could load; None where it is of another kind or unsound."""
        model = read_quantised(path)
        return cls(model) if model and _LINE_END in model.words and _is_sound(model) else None

    def top(self, texts: CodePoints) -> tuple[np.ndarray, np.ndarray]:
        """Returns each text's most probable label, as `predict(text, 1)` of fastText would.

        Args:
            texts: words separated by spaces; no other blanks, no null characters, no word that begins like a label.

        Returns:
            (int64[n] index in `labels`, float32[n] probability).
        """
        from babelsift.filters.language.fasttext_kernels import top_labels

        return top_labels(texts.values, texts.starts, *self._arrays)

    def probabilities(self, texts: CodePoints, rows: np.ndarray) -> np.ndarray:
        """Returns float32[k, labels], the probability of each of `labels`, as `predict(text, -1)` would.

        Args:
            texts: as in `top`.
            rows: int64[k], the texts to look at.
        """
        from babelsift.filters.language.fasttext_kernels import label_probabilities

        return label_probabilities(texts.values, texts.starts, rows, self._arrays)


def _is_sound(model: QuantisedModel) -> bool:
    """Returns whether all rows that the model refers to are there: compiled loops do not check."""
    rows, dim = model.vectors.shape
    return (
        len(model.words) <= rows
        and len(model.bucket_rows) > 0
        and int(model.bucket_rows.max()) < rows
        and model.outputs.shape[1] == dim
        and 0 < len(model.labels) <= len(model.outputs)
    )
