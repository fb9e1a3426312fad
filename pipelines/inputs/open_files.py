"""Opening the input's files, row by row or row group by row group, whatever their format and compression."""

from __future__ import annotations

import contextlib
import csv
import shutil
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import fsspec
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from babelsift.pipelines.inputs.slices import InputSlice

# A field that is longer than this is a quote that was never closed, not a caption.
_MAX_FIELD_CHARACTERS = 1_000_000


@contextlib.contextmanager
def open_parquet(file: InputSlice) -> Iterator[pq.ParquetFile]:
    """Opens a parquet file; one that is compressed as a whole is unpacked to a temporary file first."""
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(fsspec.open(file.path, "rb", compression=file.compression))
        if file.compression:
            unpacked = stack.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(source, unpacked)
            unpacked.seek(0)
            source = unpacked
        yield pq.ParquetFile(source)


@contextlib.contextmanager
def open_csv(file: InputSlice) -> Iterator[Iterator[list[str]]]:
    """Opens a CSV or TSV file as an iterator of rows, the header first; a row that cannot be parsed raises csv.Error.

    Bytes that are not UTF-8 come as lone surrogates, so that the row can be told from its neighbours.
    """
    csv.field_size_limit(_MAX_FIELD_CHARACTERS)
    with _open_text(file) as text:
        yield csv.reader(text, delimiter="\t" if file.format == "tsv" else ",")


@contextlib.contextmanager
def open_json_lines(file: InputSlice) -> Iterator[Iterator[str]]:
    """Opens a JSON lines file as an iterator of lines; bytes that are not UTF-8 come as lone surrogates."""
    with _open_text(file) as text:
        yield text


def _open_text(file: InputSlice) -> fsspec.core.OpenFile:
    return fsspec.open(
        file.path,
        "rt",
        compression=file.compression,
        encoding="utf-8-sig",
        errors="surrogateescape",
        newline="" if file.format != "jsonl" else "\n",
    )
