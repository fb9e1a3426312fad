"""WARC files: the images of the pages themselves, each with every text that stands for it."""

from __future__ import annotations

import contextlib
import io
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import zstandard

from babelsift.pipelines.inputs.crawl.archive import MAX_RECORD_BYTES, DamagedRecord, Record, read_records
from babelsift.pipelines.inputs.crawl.charset import page_text
from babelsift.pipelines.inputs.crawl.html import PAGE_COLUMNS, read_page
from babelsift.pipelines.inputs.crawl.image_rows import ImageRows, PageOrigin, RowGatherer, warc_path
from babelsift.pipelines.inputs.crawl.opt_out import page_opt_out
from babelsift.schemas import one_line

if TYPE_CHECKING:
    from fastwarc.warc import WarcRecord

_RESPONSE = 4  # fastwarc's WarcRecordType.response
_HTML = ("text/html", "application/xhtml+xml")
_LOOKED_AT_BYTES = 512
_NOT_SO_CODED = (OSError, ValueError, zlib.error, zstandard.ZstdError)


def read_warc(file: BinaryIO, path: str, *, rows: int, hears_opt_outs: bool = True) -> Iterator[ImageRows]:
    """Yields the images of a WARC file's pages, about so many rows at a time.

    A record that cannot be read is a row. Records of anything but a page that was found, and pages without images, are
    none.

    Args:
        file: seekable.
        path: of the file, which says what crawl it is of.
        rows: at a time.
        hears_opt_outs: whether images of pages that opt out are left out.
    Raises:
        InputError: a package that reads WARC or HTML is missing.
    """
    gathered = RowGatherer(PAGE_COLUMNS, path, hears_opt_outs)
    for record in read_records(file, wanted=_is_page):
        if isinstance(record, DamagedRecord):
            gathered.add_unreadable(f"at byte {record.offset}: {record.problem}")
        else:
            try:
                _add_page(gathered, record, path)
            except ValueError as error:
                gathered.add_unreadable(f"at byte {record.offset}: {one_line(error)}")
        if gathered.count >= rows:
            yield gathered.take()
    yield gathered.take()


def _is_page(record: WarcRecord) -> bool:
    if record.record_type != _RESPONSE or not record.is_http:
        return False
    try:
        record.parse_http()
    except (OSError, ValueError):
        return False
    status = record.http_headers.status_code if record.http_headers else None
    content_type = (record.http_content_type or "").lower()
    return status in (None, 200, 203, 206) and (content_type in _HTML or not content_type)


def _add_page(gathered: RowGatherer, record: Record, path: str) -> None:
    header = record.header
    content = _decoded(header, record.content)
    if not header.http_content_type and b"<html" not in content[:_LOOKED_AT_BYTES].lower():
        return
    url = (header.headers.get("WARC-Target-URI") or "").strip("<>")
    page = read_page(page_text(content, header.http_charset), url)
    headers = [(name.lower(), value) for name, value in header.http_headers.items()]
    languages = [page.language, *(value for name, value in [*page.metas, *headers] if name == "content-language")]
    origin = PageOrigin(
        url,
        next((language for language in languages if language), None),
        page.title,
        page.license,
        warc_path(path, None),
        record.offset,
    )
    gathered.add_page(origin, page.images, page_opt_out(page.metas, headers))


def _decoded(header: WarcRecord, content: bytes) -> bytes:
    """Returns a body without the encodings that it was sent in, at most so much of it as a record may have.

    Common Crawl stores bodies decoded, and other crawlers as they came; which of them did is seen in the bytes alone.
    """
    headers = {name.lower(): value.lower() for name, value in header.http_headers.items()}
    # The last one that is named was applied last.
    codings = [coding.strip() for coding in headers.get("content-encoding", "").split(",")][::-1]
    if "chunked" in headers.get("transfer-encoding", ""):
        codings.insert(0, "chunked")
    for coding in codings:
        with contextlib.suppress(*_NOT_SO_CODED):
            content = _without_coding(coding, content) or content
    return content


def _without_coding(coding: str, content: bytes) -> bytes:
    """Returns a body without one of its encodings, as it is where that is none that browsers know.

    Raises:
        OSError, ValueError, zlib.error, zstandard.ZstdError: it is decoded already, or damaged.
    """
    from fastwarc.stream_io import BrotliReader, ChunkedReader, GzipReader

    readers: dict[str, Any] = {"chunked": ChunkedReader, "gzip": GzipReader, "x-gzip": GzipReader, "br": BrotliReader}
    if reader := readers.get(coding):
        decoded: bytes = reader(io.BytesIO(content)).read(MAX_RECORD_BYTES)
        return decoded
    if coding == "zstd":
        return zstandard.ZstdDecompressor().stream_reader(content).read(MAX_RECORD_BYTES)
    if coding == "deflate":  # zlib's, or the bare one that some servers send
        is_zlib = content[:1] == b"\x78"
        return zlib.decompressobj(wbits=15 if is_zlib else -15).decompress(content, MAX_RECORD_BYTES)
    return content
