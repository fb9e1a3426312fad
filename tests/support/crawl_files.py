"""Writes real WARC and WAT files, and damages them."""

import gzip
import json


def member(content):
    return gzip.compress(content, mtime=0)


def page_record(url, html, *, headers=(), content_type="text/html; charset=utf-8", compressed=True, status="200 OK"):
    """A response as a crawler stores it."""
    body = html if isinstance(html, bytes) else html.encode()
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
    lines += [f"Content-Type: {content_type}"] if content_type else []
    block = "\r\n".join([*lines, "", ""]).encode() + body
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2024-05-18T01:58:10Z\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    record = head.encode() + block + b"\r\n\r\n"
    return member(record) if compressed else record


def wat_json(
    url,
    links,
    *,
    metas=(),
    base=None,
    title=None,
    headers=None,
    filename="CC-MAIN-1.warc.gz",
    offset="17",
    head_links=(),
):
    """What Common Crawl's extractor says of a page."""
    head = {"Metas": list(metas)}
    head |= {"Link": list(head_links)} if head_links else {}
    head |= {"Base": base} if base else {}
    head |= {"Title": title} if title else {}
    response = {"Headers": headers or {"Content-Type": "text/html"}, "HTML-Metadata": {"Head": head, "Links": links}}
    return {
        "Container": {"Filename": filename, "Compressed": True, "Offset": offset},
        "Envelope": {
            "Payload-Metadata": {"HTTP-Response-Metadata": response},
            "Format": "WARC/1.0",
            "WARC-Header-Metadata": {"WARC-Type": "response", "WARC-Target-URI": url},
        },
    }


def metadata_record(url, content, *, length=None, compressed=True):
    """A WAT record; `length`: what its header says, where that is not true."""
    body = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
    length = len(body) if length is None else length
    head = (
        f"WARC/1.0\r\nWARC-Type: metadata\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2024-05-18T01:58:10Z\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
    record = head.encode() + body + b"\r\n\r\n"
    return member(record) if compressed else record


def image_link(url, alt=None, **more):
    return {"path": "IMG@/src", "url": url} | ({} if alt is None else {"alt": alt}) | more
