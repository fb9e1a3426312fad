"""A tar's samples as rows: the columns are their texts by suffix, and the fields of their json."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, TypeGuard

from babelsift.pipelines.inputs.input_images import url_of_bytes
from babelsift.pipelines.inputs.slices import CAPTION_COLUMNS, FileLayout, InputFile
from babelsift.pipelines.inputs.storage_file import StorageFile
from babelsift.pipelines.inputs.tables.compression import BROKEN_CONTENT, decompressed
from babelsift.pipelines.inputs.webdataset.samples import BrokenTarError, Sample, read_samples
from babelsift.schemas import DOWNLOAD_SCHEMA, LANGUAGE_SCHEMA, TEXT_SOURCE
from babelsift.schemas.columns import FURTHER_IMAGE_COLUMNS

# Where a sample's text is, if the user does not say: the first of these that it has.
_TXT = "txt"
TEXT_NAMES = tuple(dict.fromkeys((_TXT, "caption", "cap", "text", "alt", *CAPTION_COLUMNS)))
KEY, URL, TEXTS = "__key__", "url", "texts"
# What all texts of a sample of ours share, and how the field of a text is named where it is a row's.
_OF_IMAGES = frozenset((KEY, "key", URL, *DOWNLOAD_SCHEMA.names)) - (frozenset(LANGUAGE_SCHEMA.names) - {URL})
_OF_IMAGES |= {field.name for field in FURTHER_IMAGE_COLUMNS}
_OWN_NAMES = {"source": TEXT_SOURCE.name}


def sample_rows(file: InputFile, layout: FileLayout) -> Iterator[dict[str, Any] | str]:
    """Yields a tar's samples as rows of a layout; see `sample_records`.

    A sample that lacks the layout's URL has one that names where its bytes are; where the user names no text, one that
    lacks the layout's text has that of another usual name.
    """
    url, text = layout.keys[layout.url], layout.keys[layout.captions[0][0]]
    for row in sample_records(file, each_text=layout.each_text, text_name=text):
        if isinstance(row, dict):
            row[url] = image_url(row, url)
        yield row


def image_url(record: dict[str, Any], name: str) -> str:
    """Returns the URL of a sample's image: the field of that name, or else the URL that each sample has."""
    return _text(record, name) or record[URL]


def _text(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    return value.strip() if isinstance(value, str) else ""


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def sample_records(
    file: InputFile, *, each_text: bool = False, text_name: str | None = None
) -> Iterator[dict[str, Any] | str]:
    """Yields a tar's samples as rows, or what is wrong with a sample that is none; images are passed over.

    What follows a place where a tar breaks off is one such row.

    Args:
        file: the tar.
        each_text: whether a sample whose json lists its texts is a row a text; see `text_records`.
        text_name: likewise.

    Raises:
        InputError: the file system does not give the file.
    """
    try:
        for sample in open_samples(file):
            if sample.problem:
                yield sample.problem
            elif each_text:
                yield from text_records(record_of(sample, file.source), text_name)
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
    record[URL] = _text(record, URL) or url_of_bytes(source, sample.key)
    return record


def text_records(record: dict[str, Any], text_name: str | None = None) -> Iterator[dict[str, Any]]:
    """Yields a row for each text of a sample's `texts`, a list of objects with `text`; else the sample.

    A text's own fields come before the sample's. Of our own shards the sample's fields are those of its first text, so
    that another text's row has of them what is the image's alone. An element that has no text is a row without one.

    Args:
        record: the sample.
        text_name: the column that is the pairs' text, as `txt` is; where a sample has none there, that of another usual
            name. None: it is not known yet.
    """
    texts = record.get(TEXTS)
    if not is_list_of_texts(texts):
        if text_name is not None and _is_blank(record.get(text_name)):
            record[text_name] = next(filter(None, (_text(record, name) for name in TEXT_NAMES)), None)
        yield record
        return
    shared = {name: value for name, value in record.items() if name != TEXTS}
    elements: list[dict[str, Any]] = [element if isinstance(element, dict) else {"text": element} for element in texts]
    is_ours = elements[0].get("uid") == record.get("uid") is not None
    for index, element in enumerate(elements):
        fields = {name: value for name, value in shared.items() if not is_ours or not index or name in _OF_IMAGES}
        own = {_OWN_NAMES.get(name, name): value for name, value in element.items() if name not in ("text", KEY, URL)}
        names = (_TXT, text_name or _TXT, *(["caption"] if "caption" in shared else []))
        yield {**fields, **own, **dict.fromkeys(names, element.get("text"))}


def lists_texts(file: InputFile, samples: int) -> bool:
    """Returns whether a json among a tar's first samples lists its texts as objects.

    Raises:
        InputError: the file system does not give the file.
    """
    records = itertools.islice(sample_records(file), samples)
    return any(is_list_of_texts(record.get(TEXTS)) for record in records if isinstance(record, dict))


def is_list_of_texts(value: object) -> TypeGuard[list[Any]]:
    """Returns whether a field of a json lists texts as objects, as our shards do; one that does is enough.

    >>> is_list_of_texts([{"text": "a dog", "language": "en"}, None]), is_list_of_texts(["a dog"])
    (True, False)
    """
    return isinstance(value, list) and any(
        isinstance(element, dict) and isinstance(element.get("text"), str) for element in value
    )
