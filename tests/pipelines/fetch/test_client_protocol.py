"""Connections that fail, and what comes over them that is no HTTP."""

from __future__ import annotations

import socket

import pytest

from babelsift.schemas import RejectReason
from tests.support.hostile_web import answer, endless, in_turn, raw, reset_after
from tests.support.one_fetch import BODY, fetch, outcome


def test_nobody_listens(hostile_web):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        fetched = fetch(f"http://127.0.0.1:{taken.getsockname()[1]}/", retries=2)
    assert (fetched.reason, fetched.attempts) == (RejectReason.CONNECTION_FAILURE, 1)


def test_reset_is_tried_again(hostile_web):
    fetched = fetch(hostile_web.on("/", in_turn(reset_after(b""), answer(BODY))), retries=1)
    assert fetched.body == BODY


def test_hanging_up_without_an_answer(hostile_web):
    fetched = fetch(hostile_web.on("/", raw()), retries=1)
    assert (*outcome(fetched), fetched.attempts) == (RejectReason.CONNECTION_FAILURE, "server disconnected", 2)


def test_untrusted_certificate(hostile_tls_web):
    url = hostile_tls_web.on("/", answer(BODY))
    assert outcome(fetch(url, retries=2)) == (RejectReason.TLS_FAILURE, "self-signed certificate")
    assert fetch(url, verify_tls=False).body == BODY


def test_plain_text_on_a_tls_port(hostile_web):
    hostile_web.on("/", answer(BODY))
    fetched = fetch(hostile_web.url("/").replace("http:", "https:"), timeout_s=0.3)
    assert fetched.reason in (RejectReason.TLS_FAILURE, RejectReason.CONNECTION_FAILURE, RejectReason.TIMEOUT)


@pytest.mark.parametrize(
    "content",
    [
        b"<html>not even http</html>\r\n\r\n",
        b"HTTP/1.1 OK fine\r\n\r\n",
        b"HTTP/1.1 99999 Status\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00" * 5000,
        b"HTTP/1.1 200 OK\r\nContent-Length: minus one\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\nabc",
    ],
)
def test_what_is_no_http(hostile_web, content):
    fetched = fetch(hostile_web.on("/", raw(content)), retries=2)
    assert (fetched.reason, fetched.attempts) == (RejectReason.PROTOCOL_ERROR, 1)
    assert len(fetched.detail) <= 160


def test_headers_that_end_half_way(hostile_web):
    fetched = fetch(hostile_web.on("/", raw(b"HTTP/1.1 200 OK\r\nContent-Ty")))
    assert fetched.reason in (RejectReason.PROTOCOL_ERROR, RejectReason.CONNECTION_FAILURE)


def test_endless_headers(hostile_web):
    url = hostile_web.on("/", endless(b"HTTP/1.1 200 OK\r\n", b"X-More: header\r\n" * 100))
    assert fetch(url).reason is RejectReason.PROTOCOL_ERROR


def test_endless_interim_answers(hostile_web):
    url = hostile_web.on("/", endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100))
    fetched = fetch(url, total_timeout_s=0.5)
    assert fetched.reason in (RejectReason.TIMEOUT, RejectReason.PROTOCOL_ERROR)


def test_upgrade_to_another_protocol(hostile_web):
    url = hostile_web.on("/", raw(b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"))
    assert fetch(url).reason in (RejectReason.HTTP_STATUS, RejectReason.PROTOCOL_ERROR)


def test_cookies_are_not_given_back(hostile_web):
    hostile_web.on("/b", answer(BODY))
    fetch(hostile_web.on("/a", answer(b"", "Location: /b", "Set-Cookie: track=me; Path=/", status=302)))
    assert "cookie" not in hostile_web.seen[1].headers


def test_proxies_of_the_environment_are_not_used(hostile_web, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert fetch(hostile_web.on("/", answer(BODY))).body == BODY
