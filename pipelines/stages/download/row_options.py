"""What single rows ask of their download, in columns of the input: a hash to hold the bytes to, boxes to blur."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from babelsift.schemas import RecipeError, SchemaError, carried_name
from babelsift.schemas.recipe import DownloadSettings
from babelsift.schemas.suggestions import did_you_mean


@dataclass(frozen=True)
class RowWishes:
    """What one row asks for.

    Attributes:
        hash_name: None where nothing is to be verified.
        expected: the digest, in hex; a row without one has a mismatch, as in img2dataset.
        boxes: as the input has them.
    """

    hash_name: str | None = None
    expected: object = None
    boxes: object = None

    def mismatch(self, body: bytes) -> str | None:
        """Returns the body's own digest where it is not what was expected, else None."""
        if self.hash_name is None:
            return None
        found = hashlib.new(self.hash_name, body).hexdigest()
        return None if found == self.expected else found


def wishes_of(rows: pa.RecordBatch, settings: DownloadSettings) -> Iterator[RowWishes]:
    """Yields what each row asks for.

    Raises:
        SchemaError: the rows lack a column that the settings name.
    """
    column, name = settings.verify_hash or (None, None)
    expected, boxes = _values(rows, column), _values(rows, settings.bbox_col)
    for one_expected, one_boxes in zip(expected, boxes, strict=True):
        yield RowWishes(name, one_expected, one_boxes)


def check_wished_columns(settings: DownloadSettings, columns: Sequence[str]) -> None:
    """Looks whether the input's other columns have what the settings name.

    Raises:
        RecipeError: one is missing; names the closest.
    """
    wished = {"verify_hash": settings.verify_hash and settings.verify_hash[0], "bbox_col": settings.bbox_col}
    for setting, column in wished.items():
        if column is not None and column not in columns:
            hint = did_you_mean(column, columns, otherwise=f"it has {', '.join(columns) or 'none'}")
            raise RecipeError(f"download.{setting}: the input has no other column {column!r}; {hint}")


def _values(rows: pa.RecordBatch, column: str | None) -> list[object]:
    if column is None:
        return [None] * len(rows)
    name = carried_name(column)
    if name not in rows.schema.names:
        raise SchemaError(f"download: column {name!r} is missing; found {rows.schema.names}")
    return rows.column(name).to_pylist()
