"""Tables of a run folder as removal reads and writes them: whole, and with every column that they have."""

from __future__ import annotations

from typing import Literal, overload

import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.storage.errors import storage_failures
from babelsift.schemas import RunFolderError


@overload
def read_rows(folder: RunFolder, path: str) -> pa.Table: ...


@overload
def read_rows(folder: RunFolder, path: str, *, or_none: Literal[True]) -> pa.Table | None: ...


def read_rows(folder: RunFolder, path: str, *, or_none: bool = False) -> pa.Table | None:
    """Returns a table.

    Args:
        folder: the run folder.
        path: of the parquet file.
        or_none: whether one that is damaged or not there is None.

    Raises:
        RunFolderError: it cannot be read.
    """
    where = folder.path(path)
    with storage_failures(RunFolderError, f"cannot read {where}"):
        try:
            content = folder.read(path)
        except FileNotFoundError:
            if or_none:
                return None
            raise
    try:
        return pq.read_table(pa.BufferReader(content))
    except (OSError, pa.ArrowException) as error:
        if or_none:
            return None
        said = " ".join(str(error).split())
        raise RunFolderError(f"{where} is damaged ({said}); remove it, then run `babelsift remove` again") from error


def write_rows(folder: RunFolder, path: str, rows: pa.Table) -> None:
    """Writes a table in the place of the one that is there."""
    with folder.writing(path) as file:
        pq.write_table(rows, file, compression="zstd")
