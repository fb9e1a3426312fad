"""The table that img2dataset writes beside a tar: its rows by key, whatever columns and types it has."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.pipelines.inputs.pairs import text_from_arrow
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import PARQUET
from babelsift.pipelines.staging.layout import LISTED_URL, STAGED_SCHEMA

_NEEDED = ("key", "url", "status")
_TEXTS = ("url", "caption", "key", "status", "error_message", "exif", "sha256", "reason", "detail", "md5", "sha512")
_NUMBERS = ("original_width", "original_height")
_OWN = frozenset([*STAGED_SCHEMA.names, LISTED_URL])


class Img2datasetTable:
    """A shard's table.

    Attributes:
        keys: row by key; of rows of one key the last.
        rows: how many there are.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._texts = {name: text_from_arrow(self._column(name)).texts.to_pylist() for name in _TEXTS}
        if LISTED_URL in table.column_names:
            self._texts["url"] = text_from_arrow(self._column(LISTED_URL)).texts.to_pylist()
        self._numbers = {name: _whole_numbers(self._column(name)) for name in _NUMBERS}
        self.rows = len(table)
        self.keys = {key: row for row, key in enumerate(self._texts["key"]) if key is not None}

    def row(self, row: int) -> dict[str, Any]:
        """Returns what a row says of its pair; null where the table has no such column or it is of another type."""
        return {name: values[row] for name, values in (*self._texts.items(), *self._numbers.items())}

    def carried(self, rows: list[int | None]) -> dict[str, pa.Array]:
        """Returns the columns that are not img2dataset's own, with these rows; null for None."""
        indices = pa.array(rows, pa.int64())
        names = [name for name in self._table.column_names if name not in _OWN]
        return {name: self._column(name).take(indices) for name in names}

    def _column(self, name: str) -> pa.Array:
        if name not in self._table.column_names:
            return pa.nulls(len(self._table), pa.string())
        return pa.concat_arrays(self._table.column(name).chunks) if len(self._table) else pa.array([], pa.string())


def read_img2dataset_table(source: RunFolder, name: str, problems: list[str]) -> Img2datasetTable | None:
    """Returns a shard's table, None where there is none that can be read; what is wrong with it goes to problems."""
    if not source.exists(name + PARQUET):
        return None
    with source.open(name + PARQUET) as file:
        content = file.read()  # an error in here is not the table's, as one in parsing it is
    try:
        table = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as error:
        text = " ".join(str(error).split())[:100]
        problems.append(f"{name}{PARQUET} cannot be read ({text}); the json members of its tar serve")
        return None
    missing = [column for column in _NEEDED if column not in table.column_names]
    if missing:
        problems.append(f"{name}{PARQUET} has no column {missing[0]!r}; the json members of its tar serve")
        return None
    return Img2datasetTable(table)


def _whole_numbers(column: pa.Array) -> list[int | None]:
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return [None] * len(column)  # a table through pandas has floats where a column has nulls
    fitting = pc.if_else(pc.and_(pc.greater(column, 0), pc.less(column, 2**31)), column, None)
    return pc.cast(fitting, pa.int64(), safe=False).to_pylist()
