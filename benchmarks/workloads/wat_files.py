"""WAT files of the shape of Common Crawl's: for each page a request, a response with its links, and a metadata record.

Common Crawl's own cannot be reached everywhere; one is said to be some 200 MB, which was not looked up. Here
a page has links in a log-normal number (median 90, at most 600), one in six an image, 45 % of those with an alternative
text; head links, scripts and meta elements as WordPress writes them; each record is a gzip member.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from random import Random
from typing import Any

_NAME = "CC-MAIN-20240517233122-20240518023122-00000.warc.gz"
_WORDS = tuple(
    word
    for line in (
        "a two young man woman dog cat red blue green white black old small house street river mountain with on in",
        "and near of the holding riding looking standing running shirt hat ball table beach park kitchen summer",
    )
    for word in line.split()
)


def write_wat(path: Path, pages: int, *, seed: int = 1) -> tuple[int, int]:
    """Writes a file of so many pages; returns its records and its bytes, unpacked."""
    rng = Random(seed)
    records = unpacked = 0
    with path.open("wb") as file:
        for _ in range(pages):
            for record in _records(rng):
                file.write(gzip.compress(record, 6, mtime=0))
                records, unpacked = records + 1, unpacked + len(record)
    return records, unpacked


def _records(rng: Random) -> list[bytes]:
    host = f"www.site{rng.randrange(20_000)}.example"
    url = f"https://{host}/{rng.choice(('blog', 'shop', 'news', 'wiki'))}/{rng.getrandbits(48):x}.html"
    response = {
        "Response-Message": {"Version": "HTTP/1.1", "Status": "200", "Reason": "OK"},
        "Headers": {"Server": "nginx", "Content-Type": "text/html; charset=UTF-8", "Vary": "Accept-Encoding"},
        "HTML-Metadata": {"Head": _head(rng, host), "Links": [_link(rng, host) for _ in range(_count(rng))]},
        "Entity-Length": str(rng.randrange(20_000, 200_000)),
    }
    request = {
        "Request-Message": {"Method": "GET", "Path": url[20:]},
        "Headers": {"User-Agent": "CCBot/2.0", "Host": host},
    }
    said = {
        "Metadata-Records": [{"Name": "fetchTimeMs", "Value": "210"}, {"Name": "charset-detected", "Value": "UTF-8"}]
    }
    return [
        _record(rng, url, "request", {"HTTP-Request-Metadata": request}),
        _record(rng, url, "response", {"HTTP-Response-Metadata": response}),
        _record(rng, url, "metadata", {"WARC-Metadata-Metadata": said}),
    ]


def _record(rng: Random, url: str, kind: str, payload: dict[str, Any]) -> bytes:
    offset, length = rng.randrange(10**9), rng.randrange(3000, 60_000)
    content = {
        "Container": {
            "Filename": _NAME,
            "Compressed": True,
            "Offset": str(offset),
            "Gzip-Metadata": {"Deflate-Length": str(length), "Inflated-CRC": str(rng.getrandbits(32))},
        },
        "Envelope": {
            "Payload-Metadata": {"Actual-Content-Type": f"application/http; msgtype={kind}", **payload},
            "Format": "WARC/1.0",
            "WARC-Header-Metadata": {
                "WARC-Type": kind,
                "WARC-Record-ID": f"<urn:uuid:{rng.getrandbits(128):032x}>",
                "Content-Length": str(length),
                "WARC-Target-URI": url,
            },
        },
    }
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    head = (
        f"WARC/1.0\r\nWARC-Type: metadata\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2024-05-18T01:58:10Z\r\n"
        f"WARC-Record-ID: <urn:uuid:{rng.getrandbits(128):032x}>\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n\r\n"


def _count(rng: Random) -> int:
    return min(600, int(rng.lognormvariate(4.5, 0.8)))


def _link(rng: Random, host: str) -> dict[str, str]:
    if rng.random() >= 1 / 6:
        link = {"path": "A@/href", "url": f"/{rng.choice(('tag', 'p', 'en', 'de'))}/{rng.getrandbits(60):x}/"}
        return link | ({"text": _text(rng, 6)} if rng.random() < 0.8 else {})
    folder = f"https://cdn{rng.randrange(9)}.{host}/wp-content/uploads/2019/07" if rng.random() < 0.5 else "/media"
    link = {"path": "IMG@/src", "url": f"{folder}/{rng.getrandbits(64):x}-300x200.jpg"}
    return link | ({"alt": _text(rng, 14)} if rng.random() < 0.45 else {})


def _head(rng: Random, host: str) -> dict[str, Any]:
    style, script = f"https://{host}/wp-content/plugins", f"https://{host}/wp-includes/js"
    metas = [{"name": "HTML@/lang", "content": rng.choice(("en", "de", "fr-FR", "es"))}] if rng.random() < 0.7 else []
    metas += [{"name": "viewport", "content": "width=device-width"}, {"name": "description", "content": _text(rng, 20)}]
    metas += [{"property": f"og:{name}", "content": _text(rng, 8)} for name in ("title", "description", "site_name")]
    head: dict[str, Any] = {
        "Metas": metas,
        "Title": _text(rng, 8),
        "Link": [
            {"path": "LINK@/href", "url": f"{style}/{rng.getrandbits(40):x}/style.css?ver={n}", "rel": "stylesheet"}
            for n in range(14)
        ],
        "Scripts": [{"path": "SCRIPT@/src", "url": f"{script}/{rng.getrandbits(40):x}.js?ver={n}"} for n in range(16)],
    }
    return head | ({"Base": f"https://{host}/"} if rng.random() < 0.1 else {})


def _text(rng: Random, words: int) -> str:
    return " ".join(rng.choices(_WORDS, k=rng.randint(2, words)))
