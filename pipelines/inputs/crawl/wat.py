"""WAT files: the image links that Common Crawl extracted from pages, with their alternative texts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from babelsift.pipelines.inputs.crawl.archive import DamagedRecord, read_records
from babelsift.pipelines.inputs.crawl.image_rows import ImageRows, PageOrigin, RowGatherer, warc_path
from babelsift.pipelines.inputs.crawl.links import WEB, Base, largest_of_srcset
from babelsift.pipelines.inputs.crawl.opt_out import OPT_OUT_HEADERS, page_opt_out
from babelsift.pipelines.inputs.crawl.wat_json import IMAGE_PATHS
from babelsift.pipelines.inputs.crawl.wat_record import Link, WatRecord, decode_record

if TYPE_CHECKING:
    from fastwarc.warc import WarcRecord

WAT_COLUMNS = ("url", "alt", "title", "link_path")
_SRC, _DATA_SRC = "IMG@/src", "IMG@/data-src"  # one URL each; the others hold a list
_IMAGE_PATHS = frozenset(IMAGE_PATHS)
_METADATA = 32  # fastwarc's WarcRecordType.metadata
_IMAGE = b"IMG@"
_TELLING_HEADERS = re.compile(rb"x-robots-tag|tdm-reservation|content-(?:language|usage|signal)", re.IGNORECASE)
_LANGUAGE = ("html@/lang", "html@/xml:lang", "content-language")


def read_wat(file: BinaryIO, path: str, *, rows: int, hears_opt_outs: bool = True) -> Iterator[ImageRows]:
    """Yields the image links of a WAT file, about so many rows at a time.

    A link is `IMG@/src`; where a WAT file has them, `IMG@/data-src` and `IMG@/srcset`, too. A record that cannot be
    read is a row. Records of pages without image links are none.

    Args:
        file: seekable.
        path: of the file, which says what crawl it is of.
        rows: at a time.
        hears_opt_outs: whether images of pages that opt out are left out.
    """
    gathered = RowGatherer(WAT_COLUMNS, path, hears_opt_outs)
    for record in read_records(file, wanted=_is_metadata):
        if isinstance(record, DamagedRecord):
            gathered.add_unreadable(f"at byte {record.offset}: {record.problem}")
        elif _IMAGE in record.content or not record.content.rstrip().endswith(b"}"):
            try:
                add_record(gathered, record.content, path)
            except (ValueError, RecursionError) as error:
                gathered.add_unreadable(f"at byte {record.offset}: {error}")
        if gathered.count >= rows:
            yield gathered.take()
    yield gathered.take()


def _is_metadata(record: WarcRecord) -> bool:
    return record.record_type == _METADATA


def add_record(gathered: RowGatherer, content: bytes, path: str) -> None:
    """Adds the image links of one WAT record.

    Args:
        gathered: what they are added to.
        content: the record's JSON.
        path: of the WAT file.
    Raises:
        ValueError, RecursionError: the record is not what a WAT record is.
    """
    record = decode_record(content)
    html = record.html
    if html is None or not html.links:
        return
    images = [link for link in html.links if link.path in _IMAGE_PATHS]
    if not images:
        return
    absolute = Base(record.page_url, html.base).absolute
    rows: list[tuple[str | None, ...]] = [
        (
            link.url if link.url.startswith(WEB) and link.path == _SRC else _absolute(link, absolute),
            link.alt,
            link.title,
            link.path,
        )
        for link in images
    ]
    metas = [((meta.name or meta.property or meta.http_equiv or "").lower(), meta.content or "") for meta in html.metas]
    headers = _headers(record)
    opt_out = page_opt_out(metas, [(name, value) for name in OPT_OUT_HEADERS for value in headers.get(name, [])])
    origin = PageOrigin(
        record.page_url,
        _language(metas, headers),
        html.title,
        next((link.url for link in html.head_links if link.rel and "license" in link.rel.lower().split()), None),
        warc_path(path, record.warc_filename),
        record.warc_record_offset,
    )
    gathered.add_page(origin, rows, opt_out)


def _absolute(link: Link, absolute: Callable[[str], str]) -> str | None:
    if link.path == _SRC:
        return absolute(link.url)
    url = link.url if link.path == _DATA_SRC else largest_of_srcset(link.url) or ""
    return absolute(url)


def _headers(record: WatRecord) -> dict[str, list[str]]:
    """Returns the HTTP headers that matter here, by their names in lower case."""
    if not _TELLING_HEADERS.search(record.headers):
        return {}
    said = json.loads(record.headers)
    headers: dict[str, list[str]] = {}
    for name, value in said.items() if isinstance(said, dict) else ():
        values: list[Any] = value if isinstance(value, list) else [value]
        headers.setdefault(name.lower(), []).extend(str(each) for each in values if type(each) in (str, int))
    return headers


def _language(metas: list[tuple[str, str]], headers: dict[str, list[str]]) -> str | None:
    said = {name: content.strip() for name, content in reversed(metas) if name in _LANGUAGE}
    in_order = [*(said[name] for name in _LANGUAGE if name in said), *headers.get("content-language", [])]
    return next((language for language in in_order if language), None)
