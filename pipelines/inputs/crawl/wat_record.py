"""What a WAT record says, as far as images are concerned."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from babelsift.pipelines.inputs.crawl.wat_json import wat_decoders


class Link(NamedTuple):
    """A link of a page: what it is the attribute of (`IMG@/src`), its URL, and what stands beside it."""

    path: str = ""
    url: str = ""
    alt: str | None = None
    title: str | None = None
    rel: str | None = None


class Meta(NamedTuple):
    """A `meta` element of a page."""

    name: str | None = None
    property: str | None = None
    http_equiv: str | None = None
    content: str | None = None


class Html(NamedTuple):
    """What a WAT record says of a page's HTML.

    Attributes:
        links: those of images, and maybe others: objects with `path`, and where it is an image's what a Link has.
    """

    links: Any = ()
    base: str | None = None
    title: str | None = None
    metas: Any = ()
    head_links: Any = ()


class WatRecord(NamedTuple):
    """What a WAT record says.

    Attributes:
        html: of its page; None: it is of no HTML page.
        page_url: the page's URL.
        headers: the page's HTTP headers, as a JSON object.
        warc_filename: of the WARC file that holds the page.
        warc_record_offset: bytes from the beginning of that file.
    """

    html: Html | None = None
    page_url: str = ""
    headers: bytes = b"{}"
    warc_filename: str | None = None
    warc_record_offset: int | None = None


def decode_record(content: bytes) -> WatRecord:
    """Returns what a record says; a value of another type than WAT files have is as if it were not there.

    What Python's own decoder takes is JSON, too: half a surrogate pair, as texts end that were cut, `NaN`, a byte order
    mark.

    Raises:
        ValueError: it is no JSON object.
        RecursionError: it is nested too deeply.
        InputError: the package that reads it is missing.
    """
    decoders = wat_decoders()
    try:
        return _as_record(decoders.decode(content))
    except decoders.wrong_type:
        return _of_json(json.loads(content))
    except ValueError as error:
        try:
            return _of_json(json.loads(content.decode("utf-8-sig")))
        except ValueError:
            raise error from None


def _as_record(record: Any) -> WatRecord:
    response, container = record.envelope.payload.response, record.container
    html = None
    if response is not None and response.html is not None:
        found, head = response.html, response.html.head
        html = Html(found.links, head.base, head.title, head.metas, head.links) if head else Html(found.links)
    headers = b"{}" if response is None else bytes(response.headers)
    return WatRecord(
        html, record.envelope.header.page_url, headers, container.filename, _whole_number(container.offset)
    )


def _of_json(record: Any) -> WatRecord:
    """Returns what a record says in which a value is of another type."""
    if not isinstance(record, dict):
        raise ValueError(f"a JSON {type(record).__name__} where an object is expected")
    envelope, container = _object(record, "Envelope"), _object(record, "Container")
    response = _object(_object(envelope, "Payload-Metadata"), "HTTP-Response-Metadata")
    found = _object(response, "HTML-Metadata")
    head = _object(found, "Head")
    html = Html(
        [Link(**_texts(link, path="path", url="url", alt="alt", title="title")) for link in _list(found, "Links")],
        _text(head, "Base"),
        _text(head, "Title"),
        [
            Meta(
                **_texts(
                    _with_digits(meta), name="name", property="property", http_equiv="http-equiv", content="content"
                )
            )
            for meta in _list(head, "Metas")
        ],
        [Link(**_texts(link, url="url", rel="rel")) for link in _list(head, "Link")],
    )
    header = _object(envelope, "WARC-Header-Metadata")
    return WatRecord(
        html if found else None,
        _text(header, "WARC-Target-URI") or "",
        json.dumps(_object(response, "Headers")).encode(),
        _text(container, "Filename"),
        _whole_number(container.get("Offset")),
    )


def _object(parent: dict[str, Any], key: str) -> dict[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def _list(parent: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = parent.get(key)
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []


def _text(parent: dict[str, Any], key: str) -> str | None:
    value = parent.get(key)
    return value if isinstance(value, str) else None


def _texts(parent: dict[str, Any], **keys: str) -> dict[str, str]:
    """Returns the texts that an object has, by the names of the fields that they go into."""
    return {name: parent[key] for name, key in keys.items() if isinstance(parent.get(key), str)}


def _with_digits(meta: dict[str, Any]) -> dict[str, Any]:
    """Returns a `meta` element whose content is text where it is a whole number, as of a `tdm-reservation` of 1."""
    content = meta.get("content")
    return {**meta, "content": str(content)} if type(content) is int else meta


def _whole_number(value: object) -> int | None:
    """Returns a number that may be written as text; None where it is none, or none that 64 bits hold."""
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
