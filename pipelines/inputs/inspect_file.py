"""Looks into a file of the input before the run: what its columns are, how many rows it has, how it is cut into slices.

Only footers and beginnings are read here, in the driver; the rows are read by the workers.
"""

from __future__ import annotations

import pyarrow as pa

from babelsift.pipelines.inputs.columns import ColumnChoice
from babelsift.pipelines.inputs.formats import CRAWL_FORMATS, WEBDATASET
from babelsift.pipelines.inputs.inspection.crawl import inspect_crawl
from babelsift.pipelines.inputs.inspection.delimited import inspect_delimited
from babelsift.pipelines.inputs.inspection.inspected_file import InspectedFile
from babelsift.pipelines.inputs.inspection.json_records import inspect_json
from babelsift.pipelines.inputs.inspection.parquet import inspect_parquet
from babelsift.pipelines.inputs.inspection.webdataset import inspect_webdataset
from babelsift.pipelines.inputs.slices import InputFile
from babelsift.pipelines.inputs.tables.compression import BROKEN_CONTENT
from babelsift.schemas import InputError, one_line


def inspect_file(
    file: InputFile, choice: ColumnChoice, *, scanned_characters: int, guessed_size: int | None = None
) -> InspectedFile:
    """Returns what there is to know about a file before its rows are read.

    Args:
        file: with its format.
        choice: the columns that the user names.
        scanned_characters: of a JSON file so many are looked through for keys and types, at least 1000 rows.
        guessed_size: bytes that a crawl's file is taken to have; None: its file system is asked.

    Raises:
        InputError: it cannot be read as what its name says, or its pair's columns cannot be told.
    """
    try:
        if file.format == "parquet":
            return inspect_parquet(file, choice)
        if file.format in CRAWL_FORMATS:
            return inspect_crawl(file, choice, guessed_size)
        if file.format == WEBDATASET:
            return inspect_webdataset(file, choice)
        if file.format.startswith("json"):
            return inspect_json(file, choice, scanned_characters)
        return inspect_delimited(file, choice)
    except (OSError, ValueError, pa.ArrowException, *BROKEN_CONTENT) as error:
        reason = one_line(error, limit=None)
        raise InputError(f"{file.shown}: not readable as {file.format}: {reason}; remove or replace it") from error
