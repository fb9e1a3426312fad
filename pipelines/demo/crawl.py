"""The demo's web as a crawler stores it: pages with its images in a WARC file, and a WAT file of their links."""

from __future__ import annotations

import gzip
import html
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babelsift.pipelines.demo.web import DemoWeb, Pair

_IMAGES_A_PAGE = 8
_DATE = "2026-01-01T00:00:00Z"
_NAME = "DEMO-00000.warc.gz"
# As pages write their images; the last is loaded when it comes into view.
_FORMS = (
    '<img src="{url}" alt="{alt}">',
    '<a href="/more"><img class="wide" src="{path}" alt="{alt}" width="256"></a>',
    '<picture><source srcset="{path} 2x"><img alt="{alt}" src="{path}"></picture>',
    '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" data-src="{path}" alt="{alt}">',
)


@dataclass(frozen=True)
class _Page:
    url: str
    language: str
    pairs: Sequence[Pair]

    def html(self, base_url: str) -> bytes:
        """Returns the page; one image in four is written in each of `_FORMS`."""
        images = (
            "<p>"
            + _FORMS[number % len(_FORMS)].format(
                url=html.escape(base_url + pair.path), path=html.escape(pair.path), alt=html.escape(pair.caption)
            )
            for number, pair in enumerate(self.pairs)
        )
        head = f'<!doctype html><html lang="{self.language}"><head><meta charset="utf-8"><title>Demo</title></head>'
        return "\n".join([head, "<body><nav><a href='/'>Home</a></nav>", *images, "</body></html>"]).encode()

    def links(self, base_url: str) -> list[dict[str, str]]:
        """Returns its links as Common Crawl's extractor writes them."""
        images = (
            {"path": "IMG@/src", "url": base_url + pair.path if number % 2 else pair.path, "alt": pair.caption}
            for number, pair in enumerate(self.pairs)
        )
        return [{"path": "A@/href", "url": "/", "text": "Home"}, *images]


def write_warc(web: DemoWeb, path: Path, base_url: str) -> None:
    """Writes the pages of the web as a WARC file; its images in the order of the web's pairs."""
    with path.open("wb") as file:
        for page in _pages(web, base_url):
            body = page.html(base_url)
            response = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            file.write(_record("response", page.url, "application/http; msgtype=response", response + body))


def write_wat(web: DemoWeb, path: Path, base_url: str) -> None:
    """Writes the links of the same pages as a WAT file."""
    with path.open("wb") as file:
        for page in _pages(web, base_url):
            document: dict[str, Any] = {
                "Container": {"Filename": _NAME, "Compressed": True, "Offset": str(file.tell())},
                "Envelope": {
                    "Payload-Metadata": {
                        "HTTP-Response-Metadata": {
                            "Headers": {"Content-Type": "text/html"},
                            "HTML-Metadata": {
                                "Head": {"Title": "Demo", "Metas": [{"name": "HTML@/lang", "content": page.language}]},
                                "Links": page.links(base_url),
                            },
                        }
                    },
                    "WARC-Header-Metadata": {"WARC-Type": "response", "WARC-Target-URI": page.url},
                },
            }
            content = json.dumps(document, ensure_ascii=False).encode()
            file.write(_record("metadata", page.url, "application/json", content))


def _pages(web: DemoWeb, base_url: str) -> Iterator[_Page]:
    for number, start in enumerate(range(0, len(web.pairs), _IMAGES_A_PAGE)):
        pairs = web.pairs[start : start + _IMAGES_A_PAGE]
        yield _Page(f"{base_url}/pages/{number}.html", pairs[0].language, pairs)


def _record(kind: str, url: str, content_type: str, block: bytes) -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: {_DATE}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + block + b"\r\n\r\n", mtime=0)
