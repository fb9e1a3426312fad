"""The CLIP model whose similarity counts for a pair, or the column whose value does, by its language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from babelsift.filters.selection.histogram import Histogram, histogram_of
from babelsift.schemas import similarity_column
from babelsift.schemas.recipe import DEFAULT, ModelChoice


@dataclass(frozen=True)
class ScoreChoice:
    """The model whose similarity counts for a pair, or the column whose value does.

    Attributes:
        models: (language or DEFAULT, model's or column's name) each, sorted.
    """

    models: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, model: ModelChoice, names: Sequence[str]) -> ScoreChoice:
        """Returns the choice that a rule's `model` makes.

        Args:
            model: a name, names by language, or None for the first of `names`.
            names: of the recipe's models, at least one.
        """
        if isinstance(model, Mapping):
            return cls(tuple(sorted(model.items())))
        return cls(((DEFAULT, names[0] if model is None else model),))

    def scores(self, batch: pa.RecordBatch) -> np.ndarray:
        """Returns the similarity of each pair.

        Args:
            batch: n rows with `language`, and the models' similarity columns or the columns themselves.

        Returns:
            float32[n], NaN where the row's language has no model, or the row has no score, or none that is finite.
        """
        columns = {name: _floats(batch.column(score_column(name, batch.schema))) for _, name in self.models}
        models = dict(self.models)
        if list(models) == [DEFAULT]:
            return columns[models[DEFAULT]]
        scores = np.full(len(batch), np.nan, np.float32)
        for language, rows in rows_by_language(batch):
            name = models.get(language, models.get(DEFAULT))
            if name is not None:
                scores[rows] = columns[name][rows]
        return scores


def score_column(name: str, columns: pa.Schema) -> str:
    """Returns the column that a model's similarities are in, or else the column of that name.

    Args:
        name: of a model, or of a column of numbers.
        columns: those that there are.

    >>> score_column("b_32", pa.schema([("similarity_b_32", pa.float32())])), score_column("matching", pa.schema([]))
    ('similarity_b_32', 'matching')
    """
    similarities = similarity_column(name)
    return similarities if similarities in columns.names else name


def rows_by_language(batch: pa.RecordBatch) -> Iterator[tuple[str, np.ndarray]]:
    """Yields each language of a batch with the indices of its rows, languages sorted.

    Args:
        batch: has `language`, no nulls.

    Returns:
        (language, int64[k]) in turn.
    """
    encoded = batch.column("language").dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    names = encoded.dictionary.to_pylist()
    for code in sorted(range(len(names)), key=names.__getitem__):
        yield names[code], np.flatnonzero(codes == code)


def histograms_of(batch: pa.RecordBatch, choice: ScoreChoice) -> dict[str, Histogram]:
    """Returns a histogram of a choice's similarities for each language of a batch; rows without one are left out.

    Args:
        batch: see `ScoreChoice.scores`.
        choice: whose similarities.
    """
    scores = choice.scores(batch)
    is_scored = ~np.isnan(scores)
    scored = {language: rows[is_scored[rows]] for language, rows in rows_by_language(batch)}
    return {language: histogram_of(scores[rows]) for language, rows in scored.items() if len(rows)}


def _floats(column: pa.Array) -> np.ndarray:
    floats = column.to_numpy(zero_copy_only=False).astype(np.float32)
    return np.where(np.isfinite(floats), floats, np.float32(np.nan))
