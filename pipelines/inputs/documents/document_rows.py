"""Files of interleaved documents as rows: one an image, with its document beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from babelsift.pipelines.inputs.documents.neighbours import DocumentImage, all_texts, interleaved_images, matched_images
from babelsift.pipelines.inputs.slices import InputFile
from babelsift.pipelines.inputs.tables.open_tables import open_json, open_parquet
from babelsift.schemas import one_line

# What a row has, and its type; texts are lists, in which an index is a distance from the image.
COLUMNS = {
    "url": pa.string(),
    "matched_text": pa.string(),
    "before": pa.list_(pa.string()),
    "after": pa.list_(pa.string()),
    "document": pa.string(),
    "image_number": pa.int64(),
    "page_url": pa.string(),
}
DEFAULT_CAPTION = "matched_text+before+after"
# All texts of the document: a column only where it is named, as each image's row would carry the whole document.
DOCUMENT_TEXTS = "document_texts"
_INTERLEAVED, _MATCHED = ("images", "texts"), ("image_info", "text_list")
_DOCUMENTS_TOGETHER = 256


def is_document(names: Iterable[str]) -> bool:
    """Returns whether rows with these columns are documents, not pairs: OBELICS' or MMC4's."""
    names = set(names)
    return names.issuperset(_INTERLEAVED) or names.issuperset(_MATCHED)


def document_rows(file: InputFile) -> Iterator[dict[str, Any] | str]:
    """Yields the images of a file's documents as rows, or what is wrong with a document that is none.

    A document without images is a row without a URL.

    Raises:
        InputError: the file system does not give the file.
        NotJsonError, BROKEN_CONTENT: the file breaks off.
    """
    for number, document in enumerate(_documents(file)):
        if isinstance(document, str):
            yield document
            continue
        try:
            images = list(_images(document))
            texts = all_texts(_list(document, _names(document)[1]))
        except ValueError as error:
            yield one_line(error)
            continue
        of_document = {
            "document": f"{file.source}#{number}",
            "page_url": _page_url(document),
            DOCUMENT_TEXTS: texts,
        }
        for image in images:
            yield {
                **of_document,
                "url": image.url,
                "matched_text": image.matched,
                "before": image.before,
                "after": image.after,
                "image_number": image.number,
            }
        if not images:
            yield of_document


def _documents(file: InputFile) -> Iterator[dict[str, Any] | str]:
    if file.format != "parquet":
        with open_json(file) as records:
            yield from records
        return
    done, rows = 0, 0
    try:
        with open_parquet(file) as parquet:
            rows = parquet.metadata.num_rows
            names = [name for name in parquet.schema_arrow.names if name in _READ]
            for batch in parquet.iter_batches(_DOCUMENTS_TOGETHER, columns=names):
                yield from batch.to_pylist()
                done += len(batch)
    except (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError) as error:
        yield from [one_line(error)] * (rows - done)


_READ = {*_INTERLEAVED, *_MATCHED, "general_metadata", "url", "page_url"}


def _names(document: dict[str, Any]) -> tuple[str, str]:
    """Returns what a document's images and its texts are named.

    Raises:
        ValueError: it has neither, so that it is no document.
    """
    has = {name for name in (*_INTERLEAVED, *_MATCHED) if document.get(name) is not None}
    if has.issuperset(_INTERLEAVED):
        return _INTERLEAVED
    if has.isdisjoint(_MATCHED):
        raise ValueError(f"is no document: it has no {_INTERLEAVED[0]} and {_INTERLEAVED[1]}, no {_MATCHED[0]}")
    return _MATCHED


def _images(document: dict[str, Any]) -> Iterator[DocumentImage]:
    names = _names(document)
    read = interleaved_images if names == _INTERLEAVED else matched_images
    return read(*(_list(document, name) for name in names))


def _list(document: dict[str, Any], name: str) -> list[Any]:
    values = document.get(name)
    if values is not None and not isinstance(values, list):
        raise ValueError(f"{name} is a {type(values).__name__} where a list is expected")
    return values or []


def _page_url(document: dict[str, Any]) -> str | None:
    """Returns the page that a document was made of: its own field, or OBELICS' metadata, which is JSON."""
    said = document.get("page_url") or document.get("url")
    if said is None:
        try:
            said = json.loads(document.get("general_metadata") or "{}").get("url")
        except (ValueError, AttributeError, TypeError, RecursionError):
            return None
    return said if isinstance(said, str) else None
