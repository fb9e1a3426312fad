"""Rows of pages' images, gathered page by page: one row an image, with the columns of its page beside its own."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.uids import compute_uids
from babelsift.pipelines.inputs.crawl.links import WEB, other_scheme, shortened
from babelsift.schemas import RejectReason, Stage, ledger_rows

_CRAWL = re.compile(r"CC-MAIN-\d{4}-\d{2}(?=/)")
_KEY = re.compile(r"crawl-data/.*")
_PAGE_FIELDS = (
    ("page_url", pa.string()),
    ("page_language", pa.string()),
    ("page_title", pa.string()),
    ("page_license", pa.string()),
    ("crawl", pa.string()),
    ("warc_filename", pa.string()),
    ("warc_record_offset", pa.int64()),
)


class PageOrigin(NamedTuple):
    """Where a page was found, and what it says of itself.

    Attributes:
        page_url: its own URL.
        page_language: as it says it: `lang` of `html`, or a Content-Language; None: it does not.
        page_title: its `title`.
        page_license: the target of its first link with `rel=license`; None: it has none.
        warc_filename: of the WARC file that holds it, as Common Crawl's index names it.
        warc_record_offset: bytes from the beginning of that file.
    """

    page_url: str
    page_language: str | None = None
    page_title: str | None = None
    page_license: str | None = None
    warc_filename: str | None = None
    warc_record_offset: int | None = None


@dataclass(frozen=True)
class LeftOut:
    """Why an image of a page is no pair, and what the ledger says of it."""

    reason: RejectReason
    value: str
    url: str
    caption: str | None


@dataclass(frozen=True)
class ImageRows:
    """Rows of a file that follow each other.

    Attributes:
        count: how many there are.
        batch: the n rows that may be pairs, as `image_schema` has them.
        numbers: int64[n], which row each of them is, from the first of these.
        unreadable: likewise -> what is wrong with a record that cannot be read.
        left_out: likewise -> why a row is left out.
    """

    count: int
    batch: pa.RecordBatch
    numbers: np.ndarray
    unreadable: dict[int, str]
    left_out: dict[int, LeftOut]

    def left_out_rows(self, source: str, first_row: int) -> list[pa.RecordBatch]:
        """Returns the ledger rows of the rows that are left out, in one batch or none.

        Args:
            source: the file's path within the input.
            first_row: number, in the file, of the first of these rows.
        """
        if not self.left_out:
            return []
        left_out = self.left_out.values()
        urls = pa.array([row.url for row in left_out], pa.string())
        captions = pa.array([row.caption for row in left_out], pa.string())
        uids = pc.if_else(captions.is_valid(), compute_uids(urls, captions), pa.scalar(None, pa.string()))
        rows = pa.array([first_row + number for number in self.left_out], pa.int64())
        origin = pa.RecordBatch.from_arrays(
            [uids, urls, captions, pa.repeat(pa.scalar(source, pa.string()), len(rows)), rows],
            names=["uid", "url", "caption", "source_file", "source_row"],
        )
        reasons, values = [row.reason.value for row in left_out], [row.value for row in left_out]
        return [ledger_rows(origin, stage=Stage.READ, reasons=reasons, values=values, thresholds=[None] * len(rows))]


def image_schema(columns: tuple[str, ...]) -> pa.Schema:
    """Returns the schema of rows: the images' own columns, which are text, and those of their pages."""
    own = [pa.field(name, pa.string()) for name in columns]
    return pa.schema([*own, *(pa.field(name, kind) for name, kind in _PAGE_FIELDS)])


@dataclass
class RowGatherer:
    """Gathers the rows of pages.

    Attributes:
        columns: the images' own, the first of which is the URL and the second the text that the ledger shows.
        path: of the file, which says what crawl it is of.
        hears_opt_outs: whether images of pages that opt out are left out.
    """

    columns: tuple[str, ...]
    path: str
    hears_opt_outs: bool = True
    count: int = 0
    _images: list[tuple[str | None, ...]] = field(default_factory=list)
    _numbers: list[int] = field(default_factory=list)
    _pages: list[PageOrigin] = field(default_factory=list)
    _page_of: list[int] = field(default_factory=list)
    _unreadable: dict[int, str] = field(default_factory=dict)
    _left_out: dict[int, LeftOut] = field(default_factory=dict)

    def __post_init__(self) -> None:
        crawl = _CRAWL.search(self.path)
        self._crawl = crawl.group() if crawl else None

    def add_page(self, page: PageOrigin, images: list[tuple[str | None, ...]], opt_out: str | None = None) -> None:
        """Adds the images of a page.

        Args:
            page: the page.
            images: the values of `columns`, of each.
            opt_out: the word by which the page wants to be left out; None: it does not.
        """
        opt_out = opt_out if self.hears_opt_outs else None
        first = len(self._images)
        page_url = page.page_url.partition("#")[0]
        if opt_out is None and _lead_elsewhere([image[0] or "" for image in images], page_url):
            self._images += images
            self._numbers += range(self.count, self.count + len(images))
            self.count += len(images)
        else:
            for image in images:
                self._add_or_leave_out(image, page_url, opt_out)
        if added := len(self._images) - first:
            self._page_of += [len(self._pages)] * added
            self._pages.append(page)

    def _add_or_leave_out(self, image: tuple[str | None, ...], page_url: str, opt_out: str | None) -> None:
        url = image[0] or ""
        scheme = other_scheme(url)
        if opt_out is not None:
            self._leave_out(RejectReason.PAGE_OPTED_OUT, opt_out, image)
        elif not url.strip():
            self._leave_out(RejectReason.MISSING_URL, "", image)
        elif _is_of_page(url, page_url):
            self._leave_out(RejectReason.MISSING_URL, "the page's own", image)
        elif scheme is not None:
            self._leave_out(RejectReason.URL_SCHEME, scheme, image)
        else:
            self._images.append(image)
            self._numbers.append(self.count)
        self.count += 1

    def add_unreadable(self, problem: str) -> None:
        """Adds a record that cannot be read, which is a row."""
        self._unreadable[self.count] = problem
        self.count += 1

    def take(self) -> ImageRows:
        """Returns the rows that were gathered, and begins anew."""
        own = list(zip(*self._images, strict=True)) or [()] * len(self.columns)
        pages = pa.RecordBatch.from_arrays(self._page_columns(), names=_NAMES)
        beside = pages.take(pa.array(self._page_of, pa.int32()))
        batch = pa.RecordBatch.from_arrays(
            [*(_texts(values) for values in own), *beside.columns], schema=image_schema(self.columns)
        )
        rows = ImageRows(self.count, batch, np.array(self._numbers, np.int64), self._unreadable, self._left_out)
        self.count = 0
        self._images, self._numbers, self._pages, self._page_of = [], [], [], []
        self._unreadable, self._left_out = {}, {}
        return rows

    def _page_columns(self) -> list[pa.Array]:
        columns = dict(zip(PageOrigin._fields, zip(*self._pages, strict=True), strict=True)) if self._pages else {}
        columns["crawl"] = (self._crawl,) * len(self._pages)
        values = ((columns.get(name, ()), kind) for name, kind in _PAGE_FIELDS)
        return [_texts(column) if kind == pa.string() else pa.array(column, kind) for column, kind in values]

    def _leave_out(self, reason: RejectReason, value: str, image: tuple[str | None, ...]) -> None:
        url = shortened(image[0] or "")
        self._left_out[self.count] = LeftOut(reason, value, _encodable(url), _encodable(image[1]))


_NAMES = [name for name, _ in _PAGE_FIELDS]


def _lead_elsewhere(urls: list[str], page_url: str) -> bool:
    """Whether all URLs lead to the web, and none begins as that of the page that they stand on."""
    starts_with = str.startswith
    return all(map(starts_with, urls, repeat(WEB))) and not any(map(starts_with, urls, repeat(page_url)))


def _is_of_page(url: str, page_url: str) -> bool:
    """Whether a URL leads to the page that it stands on, or to a place in it; page_url: without a fragment."""
    return url.startswith(page_url) and url[len(page_url) : len(page_url) + 1] in ("", "#")


def warc_path(path: str, name: str | None) -> str | None:
    """Returns a WARC file's name as Common Crawl's index has it, by the path of it or of the WAT file made of it.

    Args:
        path: of the file that is read.
        name: of the WARC file, as a WAT record says it; None: it is the file that is read.
    """
    key = _KEY.search(path.partition("?")[0])
    if name is None:
        return key.group() if key else posixpath.basename(path.partition("?")[0])
    folder, is_wat, _ = key.group().rpartition("/wat/") if key else ("", "", "")
    return f"{folder}/warc/{name}" if is_wat else name


def _texts(values: Any) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        return pa.array([_encodable(value) for value in values], pa.string())


def _encodable(text: Any) -> Any:
    """Returns a text with its lone surrogates replaced."""
    return text.encode("utf-8", "replace").decode() if isinstance(text, str) else text
