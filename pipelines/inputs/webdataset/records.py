"""A tar's samples as rows: the columns are their texts by suffix, and the fields of their json."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from babelsift.pipelines.inputs.input_images import url_of_bytes
from babelsift.pipelines.inputs.slices import InputFile
from babelsift.pipelines.inputs.storage_file import StorageFile
from babelsift.pipelines.inputs.tables.compression import BROKEN_CONTENT, decompressed
from babelsift.pipelines.inputs.webdataset.samples import BrokenTarError, Sample, read_samples

# Where a sample's text is, if the user does not say: the first of these that the samples have.
_CAPTIONS = ("txt", "caption", "cap", "text", "alt")
KEY, URL = "__key__", "url"


def sample_records(file: InputFile) -> Iterator[dict[str, Any] | str]:
    """Yields a tar's samples as rows, or what is wrong with a sample that is none; images are passed over.

    What follows a place where a tar breaks off is one such row.

    Raises:
        InputError: the file system does not give the file.
    """
    try:
        for sample in open_samples(file):
            if sample.is_repeated:
                yield f"key {sample.key!r} is there before: its members are not adjacent, or two samples have it"
            else:
                yield record_of(sample, file.source)
    except (BrokenTarError, *BROKEN_CONTENT) as error:
        yield f"the tar {error}"


def open_samples(file: InputFile, *, max_image_bytes: int = 0) -> Iterator[Sample]:
    """Yields a tar's samples; see `read_samples`."""
    with ExitStack() as stack:
        source = stack.enter_context(StorageFile(file))
        content = stack.enter_context(decompressed(source, file.compression))
        yield from read_samples(content, compressed=file.compression is not None, max_image_bytes=max_image_bytes)


def record_of(sample: Sample, source: str) -> dict[str, Any]:
    """Returns a sample as a row. A text comes before a field of the json that has its name.

    A sample that names no URL gets one that names where its bytes are.

    Args:
        sample: the sample.
        source: path of its tar within the input.
    """
    fields: dict[str, Any] = {}
    if sample.document is not None:
        try:
            document = json.loads(sample.document)
        except (ValueError, RecursionError):
            document = None  # what is said beside a pair never costs the pair
        fields = document if isinstance(document, dict) else {}
    texts = {suffix: text.decode("utf-8", "surrogateescape") for suffix, text in sample.texts.items()}
    record = {KEY: sample.key, **{str(name): value for name, value in fields.items() if name not in texts}, **texts}
    url = record.get(URL)
    if not isinstance(url, str) or not url.strip():
        record[URL] = url_of_bytes(source, sample.key)
    else:
        record[URL] = url.strip()
    return record


def default_caption(names: Sequence[str]) -> str | None:
    """Returns the column that holds the samples' texts, by its name; None: none of the usual ones does."""
    return next((name for name in _CAPTIONS if name in names), None)
