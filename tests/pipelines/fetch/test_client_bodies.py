"""Bodies: how long, how slow, how packed they may be."""

from __future__ import annotations

import gzip
import zlib

import pytest

from babelsift.schemas import RejectReason
from tests.support.hostile_web import answer, drip, endless, head, late, raw, reset_after, silence
from tests.support.one_fetch import BODY, LIMIT, fetch, outcome


def test_endless_body(hostile_web):
    url = hostile_web.on("/", endless(head(200, "Connection: close"), bytes(10_000)))
    assert outcome(fetch(url)) == (RejectReason.BODY_TOO_LARGE, f"more than {LIMIT} bytes")


def test_endless_chunked_body(hostile_web):
    piece = b"2710\r\n" + bytes(10_000) + b"\r\n"
    url = hostile_web.on("/", endless(head(200, "Transfer-Encoding: chunked"), piece))
    assert fetch(url).reason is RejectReason.BODY_TOO_LARGE


def test_announced_body_is_refused_unread(hostile_web):
    url = hostile_web.on("/", raw(head(200, "Content-Length: 100001"), close=False))
    assert outcome(fetch(url)) == (RejectReason.BODY_TOO_LARGE, "100001 bytes announced")


def test_body_of_exactly_the_limit(hostile_web):
    assert len(fetch(hostile_web.on("/", answer(bytes(LIMIT)))).body) == LIMIT


def test_slow_drip_meets_the_total_limit(hostile_web):
    url = hostile_web.on("/", drip(head(200, "Content-Length: 5000"), b"x", every_s=0.05))
    assert outcome(fetch(url, total_timeout_s=0.4)) == (RejectReason.TIMEOUT, "total, 0.4 s")


def test_slow_drip_of_headers_meets_the_total_limit(hostile_web):
    url = hostile_web.on("/", drip(b"HTTP/1.1 200 OK\r\nX: ", b"x", every_s=0.05))
    assert outcome(fetch(url, total_timeout_s=0.4)) == (RejectReason.TIMEOUT, "total, 0.4 s")


def test_silence_meets_the_read_limit(hostile_web):
    url = hostile_web.on("/", silence())
    assert outcome(fetch(url, timeout_s=0.2)) == (RejectReason.TIMEOUT, "read, 0.2 s")


def test_silence_within_the_body(hostile_web):
    url = hostile_web.on("/", drip(head(200, "Content-Length: 5000"), b"x", every_s=30))
    assert outcome(fetch(url, timeout_s=0.2)) == (RejectReason.TIMEOUT, "read, 0.2 s")


def test_body_shorter_than_announced(hostile_web):
    fetched = fetch(hostile_web.on("/", raw(head(200, f"Content-Length: {len(BODY) + 1}"), BODY)))
    assert (fetched.reason, fetched.http_status) == (RejectReason.TRUNCATED_BODY, 200)


def test_body_longer_than_announced(hostile_web):
    fetched = fetch(hostile_web.on("/", raw(head(200, "Content-Length: 10"), BODY)))
    # what follows the announced bytes is a broken second answer, if it is there in time
    assert fetched.body == BODY[:10] or fetched.reason is RejectReason.PROTOCOL_ERROR


def test_chunked_body_cut_short(hostile_web):
    url = hostile_web.on("/", raw(head(200, "Transfer-Encoding: chunked"), b"ff\r\nabc"))
    assert fetch(url).reason is RejectReason.TRUNCATED_BODY


@pytest.mark.parametrize("apart_s", [0, 0.05])
def test_broken_chunk_size(hostile_web, apart_s):
    url = hostile_web.on("/", late(head(200, "Transfer-Encoding: chunked"), b"zz\r\nabc\r\n0\r\n\r\n", apart_s=apart_s))
    # aiohttp may say so only when the wait for more is over; it is no TIMEOUT all the same
    assert outcome(fetch(url, timeout_s=10.0)) == (RejectReason.PROTOCOL_ERROR, "Invalid character in chunk size")


@pytest.mark.parametrize("status", [200, 204])
def test_empty_body(hostile_web, status):
    assert outcome(fetch(hostile_web.on("/", answer(b"", status=status)))) == (RejectReason.EMPTY_BODY, "0 bytes")


def test_reset_within_the_body(hostile_web):
    url = hostile_web.on("/", reset_after(head(200, "Content-Length: 5000") + b"abc"))
    assert outcome(fetch(url)) == (RejectReason.CONNECTION_FAILURE, "connection reset")


@pytest.mark.parametrize(
    ("coding", "content"),
    [
        ("gzip", gzip.compress(BODY, mtime=0)),
        ("X-GZIP", gzip.compress(BODY, mtime=0)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY)[2:-4]),
        ("gzip", BODY),  # said to be, and is not
        ("utf-8", BODY),
        ("identity", BODY),
        ("gzip", gzip.compress(BODY, mtime=0) + bytes(100)),
    ],
)
def test_codings_that_are_undone(hostile_web, coding, content):
    assert fetch(hostile_web.on("/", answer(content, f"Content-Encoding: {coding}"))).body == BODY


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_decompression_bomb(hostile_web, coding):
    bomb = gzip.compress(bytes(50_000_000)) if coding == "gzip" else zlib.compress(bytes(50_000_000))
    assert len(bomb) < LIMIT
    url = hostile_web.on("/", answer(bomb, f"Content-Encoding: {coding}"))
    assert outcome(fetch(url)) == (
        RejectReason.BODY_TOO_LARGE,
        f"more than {LIMIT} bytes, decompressed from {coding}",
    )


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip"])
def test_codings_never_asked_for(hostile_web, coding):
    url = hostile_web.on("/", answer(BODY, f"Content-Encoding: {coding}"))
    assert outcome(fetch(url)) == (RejectReason.PROTOCOL_ERROR, f"content-encoding {coding}")


def test_broken_and_truncated_gzip(hostile_web):
    packed = gzip.compress(BODY)
    cut = hostile_web.on("/cut", answer(packed[:-20], "Content-Encoding: gzip"))
    broken = hostile_web.on("/broken", answer(packed[:10] + b"\xff" * 50, "Content-Encoding: gzip"))
    assert fetch(cut).reason is RejectReason.TRUNCATED_BODY
    assert fetch(broken).reason is RejectReason.PROTOCOL_ERROR
