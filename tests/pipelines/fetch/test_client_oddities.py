"""More of what the web does, one behaviour a test; the other `test_client_*.py` and `test_robots.py` have the others."""

from __future__ import annotations

import asyncio
import gzip
import socket
import time
from email.utils import formatdate

import pytest

from babelsift.pipelines.fetch import Fetched
from babelsift.pipelines.fetch.client import ImageClient
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings
from tests.support.hostile_web import LOOPBACK_ONLY, answer, drip, encoded, endless, head, in_turn, photo, raw, redirect

BODY = encoded(photo(1, (64, 48)))
SETTINGS = DownloadSettings(
    timeout_s=10.0,
    total_timeout_s=20.0,
    max_body_bytes=100_000,
    **LOOPBACK_ONLY,
)


def fetch(url: str, *, hosts: dict[str, list[str]] | None = None, **changes: object) -> Fetched:
    async def lookup(host: str) -> list[str]:
        return (hosts or {})[host]

    async def run() -> Fetched:
        settings = SETTINGS.model_copy(update=changes)
        async with ImageClient(settings, lookup=lookup if hosts else None, backoff_s=0.01) as client:
            return await client.fetch(url)

    return asyncio.run(run())


def refused(fetched: Fetched) -> str:
    assert (fetched.reason, fetched.body, fetched.attempts) == (RejectReason.ADDRESS_REFUSED, None, 0)
    return fetched.detail


# --- addresses


@pytest.mark.parametrize(
    "host",
    ["127.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.1", "0x7f.0.0.0x1", "127.0.0.1.", "00000177.1"],
)
def test_ipv4_in_an_odd_spelling(hostile_web, host):
    hostile_web.on_any(answer(BODY))
    fetched = fetch(hostile_web.url("/", host=host), allow_addresses=())
    assert "127.0.0.1" in refused(fetched) or "odd spelling" in refused(fetched)
    assert hostile_web.total_requests == 0


def test_ipv4_in_full_width_digits(hostile_web):
    fetched = fetch(hostile_web.url("/", host="１２７．０．０．１"), allow_addresses=())
    assert refused(fetched) == "loopback address 127.0.0.1"


@pytest.mark.parametrize(
    ("address", "detail"),
    [
        ("::ffff:127.0.0.1", "loopback"),
        ("64:ff9b::7f00:1", "loopback"),
        ("2002:7f00:1::", "loopback"),
        ("2001:db8::1", "documentation"),
        ("fe80::1", "link-local"),
        ("ff02::1", "multicast"),
        ("fd00::1", "private"),
    ],
    ids=["mapped", "nat64", "6to4", "documentation", "link-local", "multicast", "unique-local"],
)
@pytest.mark.parametrize("by", ["address", "name"])
def test_ipv6_that_leads_inward(address, detail, by):
    if by == "address":
        assert refused(fetch(f"http://[{address}]/", allow_addresses=())).startswith(detail)
    else:
        fetched = fetch("http://inward.example/", hosts={"inward.example": [address]}, allow_addresses=())
        assert (fetched.reason, fetched.detail.split(" ")[0]) == (RejectReason.ADDRESS_REFUSED, detail)


@pytest.mark.parametrize("scheme", ["data:image/png;base64,AAAA", "ftp://e.com/a.jpg", "gopher://e.com/", "//e.com/a"])
def test_schemes_that_are_no_http(scheme):
    assert refused(fetch(scheme)).startswith("scheme ")


def test_a_file_is_not_read(tmp_path):
    (tmp_path / "a.jpg").write_bytes(BODY)
    assert refused(fetch(f"file://{tmp_path}/a.jpg")) == "scheme file"


def test_user_information(hostile_web):
    hostile_web.on_any(answer(BODY))
    assert refused(fetch(hostile_web.url("/").replace("//", "//e.com@"))) == "user information in the URL"


def test_a_redirect_to_user_information(hostile_web):
    url = hostile_web.on("/", redirect("http://user:word@e.com/"))
    assert fetch(url).detail == "user information in the URL"


def test_a_port_that_is_not_allowed(hostile_web):
    assert refused(fetch(hostile_web.url("/"), ports=(80, 443))) == f"port {hostile_web.port}"


def test_a_redirect_to_a_port_that_is_not_allowed(hostile_web):
    url = hostile_web.on("/", redirect("http://127.0.0.1:22/"))
    assert fetch(url, ports=(hostile_web.port,)).detail == "port 22"


# --- spelling of URLs


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("/a.jpg#fragment", "/a.jpg"),
        ("/a b.jpg", "/a%20b.jpg"),
        ("/a%20b.jpg", "/a%20b.jpg"),
        ("/ü.jpg", "/%C3%BC.jpg"),
        ("/a/../b.jpg", "/a/../b.jpg"),
        ("/%2e%2e/%2F", "/%2e%2e/%2F"),
        ("/a\r\nX-Injected: 1", "/aX-Injected:%201"),
        ("?q=1", "/?q=1"),
    ],
    ids=["fragment", "space", "encoded", "unicode", "dots", "encoded-dots", "line-breaks", "no-path"],
)
def test_how_a_path_is_sent(hostile_web, written, sent):
    hostile_web.on_any(answer(BODY))
    assert fetch(hostile_web.url(written)).body == BODY
    assert hostile_web.seen[0].path == sent
    assert "x-injected" not in hostile_web.seen[0].headers


def test_a_redirect_with_spaces_and_unicode(hostile_web):
    hostile_web.on_any(answer(BODY))
    assert fetch(hostile_web.on("/", redirect("/a b/%C3%BC"))).body == BODY
    assert hostile_web.seen[1].path == "/a%20b/%C3%BC"


def test_an_international_name_goes_out_as_punycode(hostile_web):
    hostile_web.on_any(answer(BODY))
    hosts = {"xn--bcher-kva.example": ["127.0.0.1"]}
    assert fetch(hostile_web.url("/", host="bücher.example"), hosts=hosts).body == BODY
    assert hostile_web.seen[0].headers["host"].startswith("xn--bcher-kva.example")


# --- statuses


@pytest.mark.parametrize("status", [300, 304, 305, 402, 418, 451])
def test_a_status_without_an_image(hostile_web, status):
    fetched = fetch(hostile_web.on("/", raw(head(status, "Content-Length: 0"))), retries=2)
    assert (fetched.reason, fetched.detail, fetched.attempts) == (RejectReason.HTTP_STATUS, str(status), 1)


@pytest.mark.parametrize("status", [599, 999])
def test_a_status_that_nobody_defined(hostile_web, status):
    fetched = fetch(hostile_web.on("/", raw(head(status, "Content-Length: 0"))))
    assert (fetched.reason, fetched.detail) == (RejectReason.HTTP_STATUS, str(status))


def test_a_part_that_nobody_asked_for(hostile_web):
    part = raw(head(206, "Content-Length: 10", "Content-Range: bytes 0-9/5000"), BODY[:10])
    # its ten bytes are no image, which decoding finds; what counts here is that it neither hangs nor raises
    assert fetch(hostile_web.on("/", part)).body == BODY[:10]


def test_a_content_type_that_lies(hostile_web):
    url = hostile_web.on("/", answer(b"<html>soft 404</html>", "Content-Type: image/jpeg"))
    assert fetch(url).body == b"<html>soft 404</html>"  # magic bytes decide, later
    assert fetch(hostile_web.on("/text", answer(BODY, "Content-Type: text/html"))).body == BODY


def test_retry_after_as_a_date(hostile_web):
    due = int(time.time()) + 2
    date = formatdate(due, usegmt=True)
    url = hostile_web.on("/", in_turn(answer(b"", f"Retry-After: {date}", status=503), answer(BODY)))
    assert fetch(url, retries=1, total_timeout_s=600.0).body == BODY
    assert time.time() > due - 0.1


def test_a_date_in_the_past_is_no_wait(hostile_web):
    date = formatdate(time.time() - 1000, usegmt=True)
    url = hostile_web.on("/", in_turn(answer(b"", f"Retry-After: {date}", status=503), answer(BODY)))
    assert fetch(url, retries=1, total_timeout_s=600.0).body == BODY


def test_425_is_tried_again(hostile_web):
    assert fetch(hostile_web.on("/", in_turn(answer(b"", status=425), answer(BODY))), retries=1).body == BODY


# --- the protocol


def test_http_0_9(hostile_web):
    assert fetch(hostile_web.on("/", raw(BODY))).reason is RejectReason.PROTOCOL_ERROR


def test_http_1_0_without_a_length(hostile_web):
    assert fetch(hostile_web.on("/", raw(b"HTTP/1.0 200 OK\r\n\r\n" + BODY))).body == BODY


def test_early_hints_before_the_answer(hostile_web):
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
    whole = head(200, f"Content-Length: {len(BODY)}") + BODY
    assert fetch(hostile_web.on("/", raw(hints + hints + whole))).body == BODY


def test_length_and_chunks_at_once(hostile_web):
    smuggled = head(200, "Content-Length: 5", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n"
    fetched = fetch(hostile_web.on("/", raw(smuggled)))
    assert fetched.reason is RejectReason.PROTOCOL_ERROR or fetched.body == b"abc"


def test_an_endless_trailer(hostile_web):
    start = head(200, "Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n"
    assert fetch(hostile_web.on("/", endless(start, b"X: y\r\n" * 100))).body is None


def test_an_endless_chunk_extension(hostile_web):
    start = head(200, "Transfer-Encoding: chunked") + b"3;"
    assert fetch(hostile_web.on("/", endless(start, b"x" * 1000)), timeout_s=0.4, total_timeout_s=1.5).body is None


def test_a_chunk_of_negative_size(hostile_web):
    start = head(200, "Transfer-Encoding: chunked") + b"-5\r\nabc\r\n0\r\n\r\n"
    assert fetch(hostile_web.on("/", raw(start))).reason is RejectReason.PROTOCOL_ERROR


def test_a_chunk_larger_than_any_memory(hostile_web):
    start = head(200, "Transfer-Encoding: chunked") + b"ffffffffffffffff\r\nabc"
    assert fetch(hostile_web.on("/", drip(start, b"x", every_s=0.05)), total_timeout_s=1.5).reason in (
        RejectReason.PROTOCOL_ERROR,
        RejectReason.TIMEOUT,
        RejectReason.TRUNCATED_BODY,
    )


def test_a_length_larger_than_any_number(hostile_web):
    fetched = fetch(hostile_web.on("/", raw(head(200, "Content-Length: " + "9" * 30))))
    assert fetched.reason in (RejectReason.BODY_TOO_LARGE, RejectReason.PROTOCOL_ERROR)


def test_compressed_twice_under_one_name(hostile_web):
    twice = gzip.compress(gzip.compress(BODY))
    # one layer is undone, as its header says; what comes out is no image, which magic bytes tell
    assert gzip.decompress(fetch(hostile_web.on("/", answer(twice, "Content-Encoding: gzip"))).body) == BODY


def test_a_bomb_within_a_bomb_is_no_bomb(hostile_web):
    inner = gzip.compress(bytes(200_000_000))
    fetched = fetch(hostile_web.on("/", answer(gzip.compress(inner), "Content-Encoding: gzip")), max_body_bytes=10**6)
    assert fetched.body == inner


def test_many_small_gzip_members(hostile_web):
    members = gzip.compress(b"") * 1000 + gzip.compress(BODY)
    fetched = fetch(hostile_web.on("/", answer(members, "Content-Encoding: gzip")))
    assert fetched.reason is RejectReason.EMPTY_BODY  # what follows the first member's end is no part of the body


def test_a_location_as_long_as_headers_may_be(hostile_web):
    hostile_web.on_any(answer(b"", status=404))
    url = hostile_web.on("/", redirect("/" + "a" * 10_000))
    assert fetch(url).detail == "404"


def test_a_location_of_bytes_that_are_no_text(hostile_web):
    hostile_web.on_any(answer(BODY))
    url = hostile_web.on("/", raw(head(302, "Location: /\xff\xfe", "Content-Length: 0"), close=False))
    fetched = fetch(url)
    assert fetched.body == BODY or fetched.reason is RejectReason.URL_INVALID


def test_redirects_in_a_circle_of_hosts(hostile_web):
    hosts = {f"h{n}.example": ["127.0.0.1"] for n in range(3)}
    for n in range(3):
        hostile_web.on(f"/{n}", redirect(hostile_web.url(f"/{(n + 1) % 3}", host=f"h{(n + 1) % 3}.example")))
    fetched = fetch(hostile_web.url("/0", host="h0.example"), hosts=hosts)
    assert fetched.reason is RejectReason.TOO_MANY_REDIRECTS
    assert hostile_web.total_requests == SETTINGS.max_redirects + 1


def test_a_meta_refresh_is_not_followed(hostile_web):
    url = hostile_web.on("/", answer(b'<meta http-equiv="refresh" content="0;url=/b">', "Refresh: 0; url=/b"))
    fetch(url)
    assert dict(hostile_web.requests) == {"/": 1}


def test_a_login_that_is_asked_for(hostile_web, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    url = hostile_web.on("/", answer(b"", 'WWW-Authenticate: Basic realm="x"', status=401))
    assert fetch(url).detail == "401"
    assert all("authorization" not in request.headers for request in hostile_web.seen)


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_proxy_variables(hostile_web, monkeypatch, name):
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetch(hostile_web.on("/", answer(BODY))).body == BODY


# --- TLS


def test_a_handshake_that_never_ends():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        fetched = fetch(f"https://127.0.0.1:{listening.getsockname()[1]}/", total_timeout_s=0.8)
    assert (fetched.reason, fetched.detail) == (RejectReason.TIMEOUT, "total, 0.8 s")


def test_a_certificate_of_another_host(hostile_tls_web):
    hostile_tls_web.on_any(answer(BODY))
    url = hostile_tls_web.url("/", host="other.example")
    assert fetch(url, hosts={"other.example": ["127.0.0.1"]}).reason is RejectReason.TLS_FAILURE
    assert hostile_tls_web.total_requests == 0


def test_a_redirect_from_http_to_an_untrusted_https(hostile_web, hostile_tls_web):
    hostile_tls_web.on_any(answer(BODY))
    assert fetch(hostile_web.on("/", redirect(hostile_tls_web.url("/")))).reason is RejectReason.TLS_FAILURE
