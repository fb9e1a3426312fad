"""Options of single rows, in columns of the input: a hash that the bytes must have, boxes to blur."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from babelsift.schemas import RecipeError, SchemaError, carried_name
from babelsift.schemas.recipe import DownloadSettings
from babelsift.schemas.suggestions import did_you_mean


@dataclass(frozen=True)
class RowOptions:
    """How one row is to be downloaded.

    Attributes:
        hash_name: None where nothing is to be verified.
        expected: the digest, in hex; a row without one has a mismatch, as in img2dataset.
        boxes: as the input has them.
    """

    hash_name: str | None = None
    expected: object = None
    boxes: object = None

    @property
    def digest(self) -> str | None:
        """32 hex digits of what is asked for; None where that is nothing."""
        if self.hash_name is None and self.boxes is None:
            return None
        asked = json.dumps([self.hash_name, self.expected, self.boxes], default=str)
        return hashlib.blake2b(asked.encode("utf-8", "replace"), digest_size=16).hexdigest()

    def mismatch(self, body: bytes) -> str | None:
        """Returns the body's own digest where it is not what was expected, else None."""
        if self.hash_name is None:
            return None
        digest = hashlib.new(self.hash_name, body).hexdigest()
        return None if digest == self.expected else digest


def row_options(rows: pa.RecordBatch, settings: DownloadSettings) -> Iterator[RowOptions]:
    """Yields the options of each row.

    Raises:
        SchemaError: the rows lack a column that the settings name.
    """
    column, name = settings.verify_hash or (None, None)
    for expected, boxes in zip(_values(rows, column), _values(rows, settings.bbox_col), strict=True):
        yield RowOptions(name, expected, boxes)


def check_option_columns(settings: DownloadSettings, columns: Sequence[str]) -> None:
    """Checks that the input has the columns that the settings name.

    Raises:
        RecipeError: one is missing; names the closest.
    """
    named = {"verify_hash": settings.verify_hash and settings.verify_hash[0], "bbox_col": settings.bbox_col}
    for setting, column in named.items():
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
