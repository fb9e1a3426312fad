"""Reads the images of a slice of an input that brings them as bytes."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from babelsift.pipelines.inputs.formats import WEBDATASET
from babelsift.pipelines.inputs.input_images import InputImage
from babelsift.pipelines.inputs.pairs import text_from_arrow
from babelsift.pipelines.inputs.slices import InputSlice
from babelsift.pipelines.inputs.tables.compression import BROKEN_CONTENT
from babelsift.pipelines.inputs.tables.image_column import image_bodies, urls_of_rows
from babelsift.pipelines.inputs.tables.open_tables import open_parquet
from babelsift.pipelines.inputs.webdataset.records import image_url, open_samples, record_of
from babelsift.pipelines.inputs.webdataset.samples import BrokenTarError

_ROWS_TOGETHER = 64


def read_input_images(part: InputSlice, *, max_bytes: int) -> Iterator[InputImage]:
    """Yields the images of a slice's rows; what cannot be read is in the account of its rows.

    Args:
        part: the slice.
        max_bytes: of an image; a longer one is a problem.

    Raises:
        InputError: the file system does not give the file, also when asked again.
    """
    if part.file.format == WEBDATASET:
        yield from _of_tar(part, max_bytes)
    else:
        yield from _of_parquet(part, max_bytes)


def _of_tar(part: InputSlice, max_bytes: int) -> Iterator[InputImage]:
    url = part.layout.keys[part.layout.url]
    try:
        for sample in open_samples(part.file, max_image_bytes=max_bytes):
            if not sample.problem:
                is_long = (sample.image_bytes or 0) > max_bytes
                problem = f"{sample.image_bytes} bytes" if is_long else ""
                yield InputImage(image_url(record_of(sample, part.file.source), url), sample.image, problem)
    except (BrokenTarError, *BROKEN_CONTENT):
        return  # a row of the ledger says so


def _of_parquet(part: InputSlice, max_bytes: int) -> Iterator[InputImage]:
    layout = part.layout
    assert layout.image is not None
    done = 0
    try:
        with open_parquet(part.file) as parquet:
            names = parquet.schema_arrow.names
            columns = [names[layout.image], *([names[layout.url]] if layout.url < len(names) else [])]
            batches = parquet.iter_batches(_ROWS_TOGETHER, row_groups=list(part.row_groups), columns=columns)
            for batch in batches:
                given = batch.column(columns[1]) if len(columns) > 1 else pa.nulls(len(batch), pa.string())
                urls = urls_of_rows(text_from_arrow(given).texts, part.file.source, part.first_row + done)
                bodies = image_bodies(batch.column(columns[0]))
                done += len(batch)
                for url, body in zip(urls.to_pylist(), bodies, strict=True):
                    is_long = body is not None and len(body) > max_bytes
                    yield InputImage(url, None if is_long else body, f"{len(body or b'')} bytes" if is_long else "")
    except (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return  # rows of the ledger say so
