"""Opens the input's tables, whatever their format, compression and encoding, as iterators over rows."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence

import pyarrow.parquet as pq

from babelsift.pipelines.inputs.slices import FileLayout, InputFile
from babelsift.pipelines.inputs.storage_file import StorageFile
from babelsift.pipelines.inputs.tables.compression import decompressed
from babelsift.pipelines.inputs.tables.delimited import DelimitedRows
from babelsift.pipelines.inputs.tables.json_records import JsonRecords
from babelsift.pipelines.inputs.tables.text_lines import Lines, open_text, without_end

_PARQUET_BUFFER_BYTES = 1 << 16
_SEPARATOR = re.compile(r'"?sep=([^\w"])"?[,;\t]*', re.IGNORECASE)
_URL = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?//\S")


@contextlib.contextmanager
def open_parquet(file: InputFile) -> Iterator[pq.ParquetFile]:
    """Opens a parquet file; one that is compressed as a whole is unpacked to a temporary file first."""
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(StorageFile(file))
        if file.compression is None:
            # Buffered, because Arrow takes a read that returns less than it asked for as the file's end.
            content = stack.enter_context(io.BufferedReader(source, _PARQUET_BUFFER_BYTES))
            yield pq.ParquetFile(content)
            return
        unpacked = stack.enter_context(tempfile.TemporaryFile())
        shutil.copyfileobj(stack.enter_context(decompressed(source, file.compression)), unpacked)
        unpacked.seek(0)
        yield pq.ParquetFile(unpacked)


@contextlib.contextmanager
def open_lines(file: InputFile) -> Iterator[Lines]:
    """Opens a CSV or TSV file as lines; Excel's `sep=;` before them says their delimiter, and is none of them."""
    with _open_text(file) as text:
        lines = Lines(text)
        first = lines.peek(0)
        if first is not None and (separator := _SEPARATOR.fullmatch(without_end(first))):
            lines.delimiter = separator[1]
            lines.skip(1)
        yield lines


@contextlib.contextmanager
def open_delimited(file: InputFile, layout: FileLayout) -> Iterator[DelimitedRows]:
    """Opens a CSV or TSV file as rows, without its header.

    Bytes that are no characters come as lone surrogates, so that the row can be told from its neighbours.
    """
    with open_lines(file) as lines:
        rows = DelimitedRows(lines, layout.delimiter, layout.width, is_row=pair_test(layout))
        if layout.has_header:
            rows.first()
        yield rows


def pair_test(layout: FileLayout) -> Callable[[Sequence[str]], bool]:
    """Returns whether a row's fields look like a pair: as many as there are columns, and a URL among them."""
    url, width = layout.url, layout.width

    def is_pair(fields: Sequence[str]) -> bool:
        return len(fields) == width and _URL.match(fields[url].strip('"')) is not None

    return is_pair


@contextlib.contextmanager
def open_json(file: InputFile) -> Iterator[JsonRecords]:
    """Opens a JSON file as rows: objects, or what is wrong with a row that is none."""
    with _open_text(file) as text:
        yield JsonRecords(text, may_be_array=file.format == "json")


@contextlib.contextmanager
def _open_text(file: InputFile) -> Iterator[io.TextIOWrapper]:
    with StorageFile(file) as source, decompressed(source, file.compression) as content:
        yield open_text(content)
