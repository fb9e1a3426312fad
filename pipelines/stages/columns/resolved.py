"""The makers of a recipe's columns, found before a run: what each gives, and by which fingerprint it is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from babelsift.filters.columns import ColumnMaker
from babelsift.pipelines.stages.columns.kinds import kind_of
from babelsift.schemas import ModelError, RecipeError
from babelsift.schemas.columns import is_stage_column
from babelsift.schemas.recipe import DEFAULT, Column


@dataclass(frozen=True)
class Source:
    """A maker of a column's values, by what it is without being loaded; picklable.

    Attributes:
        model: that the recipe names for it, or None.
        fingerprint, info: the maker's.
        takes_pixels: whether it takes decoded images.
    """

    model: str | None
    fingerprint: str
    info: Mapping[str, Any]
    takes_pixels: bool = False


@dataclass(frozen=True)
class ResolvedColumn:
    """A recipe's column with its makers.

    Attributes:
        column: its settings.
        fields: what it gives, by the makers' names.
        sources: its makers, each model once.
        by_language: language, `default` or None for all -> index of its maker.
    """

    column: Column
    fields: tuple[pa.Field, ...]
    sources: tuple[Source, ...]
    by_language: Mapping[str | None, int] = field(default_factory=dict)

    @property
    def outputs(self) -> tuple[pa.Field, ...]:
        """The columns that rows get, nullable."""
        return outputs_of(self.column, self.fields)

    def source_of_rows(self, rows: pa.RecordBatch) -> np.ndarray:
        """Returns int64[n], the index of each row's maker; -1 where its language has none."""
        if None in self.by_language:
            return np.full(len(rows), self.by_language[None])
        other = self.by_language.get(DEFAULT, -1)
        return np.array([self.by_language.get(one, other) for one in rows.column("language").to_pylist()], np.int64)


def outputs_of(column: Column, fields: Iterable[pa.Field]) -> tuple[pa.Field, ...]:
    """Returns the columns that rows get of what a column's maker gives, nullable.

    Args:
        column: its settings.
        fields: what is given, by the maker's names.
    """
    name, unit = column.name, {"unit": f"said of the {column.of} by {column.by}"}
    named = ((f"{name}_{one.name}" if one.name else name, one.type) for one in fields)
    return tuple(pa.field(name, kind, metadata=unit) for name, kind in named)


def resolve(columns: Iterable[Column]) -> tuple[ResolvedColumn, ...]:
    """Returns a recipe's columns with their makers, none of which stays loaded.

    Raises:
        RecipeError: a column's kind or settings are wrong.
        ModelError: a model or function is not there.
    """
    resolved = []
    for column in columns:
        kind = kind_of(column)
        sources: list[Source] = []
        by_language: dict[str | None, int] = {}
        fields: tuple[pa.Field, ...] = ()
        for language, model in column.models.items():
            known = [source.model for source in sources]
            if model not in known:
                maker = kind.make(column, model)
                maker.close()
                fields = fields or maker.fields
                if maker.fields != fields:
                    gives = [[one.name for one in made] for made in (fields, maker.fields)]
                    raise RecipeError(
                        f"columns: {column.name!r}: its models give {gives[0]} and {gives[1]}; name alike"
                    )
                known.append(model)
                sources.append(Source(model, maker.fingerprint, maker.info, maker.takes_pixels))
            by_language[language] = known.index(model)
        resolved.append(ResolvedColumn(column, fields, tuple(sources), by_language))
    return tuple(resolved)


def check_columns(columns: Iterable[Column]) -> None:
    """Checks a recipe's columns as far as that needs no model's files: their kinds, packages and functions.

    Raises:
        RecipeError: a column's kind or settings are wrong.
        ModelError: a package or function is not there.
    """
    for column in columns:
        kind = kind_of(column)
        if kind.is_local:
            kind.make(column, None).close()


def load_source(column: Column, source: Source) -> ColumnMaker:
    """Returns a column's maker, loaded.

    Raises:
        ModelError: it cannot be loaded, or is not the one that was found before the run.
    """
    maker = kind_of(column).make(column, source.model)
    if maker.fingerprint != source.fingerprint:
        what = source.model or column.call or column.by
        raise ModelError(
            f"column {column.name!r}: {what} is not the same here as where the run began; put the same on every worker"
        )
    maker.load()
    return maker


def check_names(columns: Sequence[ResolvedColumn], taken: Iterable[str]) -> None:
    """Looks whether each column that rows get has a name of its own.

    Args:
        columns: a recipe's.
        taken: names that models, heads and the input have.

    Raises:
        RecipeError: two have one name.
    """
    names = set(taken)
    for column, output in _outputs(columns):
        if output.name in names or is_stage_column(output.name):
            raise RecipeError(f"columns: {column.name!r} gives a column {output.name!r}, which is there; rename it")
        names.add(output.name)


def output_schema(columns: Sequence[ResolvedColumn]) -> pa.Schema:
    """Returns the columns that rows get."""
    return pa.schema([output for _, output in _outputs(columns)])


def _outputs(columns: Sequence[ResolvedColumn]) -> Iterator[tuple[Column, pa.Field]]:
    for resolved in columns:
        for output in resolved.outputs:
            yield resolved.column, output
