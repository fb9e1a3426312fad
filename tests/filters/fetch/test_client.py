from __future__ import annotations

import asyncio
import gzip
import socket
import time
import zlib

import pytest
from hostile_web import (
    LOOPBACK_ONLY,
    answer,
    drip,
    encoded,
    endless,
    head,
    in_turn,
    late,
    photo,
    raw,
    redirect,
    reset_after,
    silence,
)

from filters.fetch import Fetched
from filters.fetch.client import ImageClient, user_agent
from schemas import RejectReason
from schemas.recipe import DownloadSettings

BODY = encoded(photo(1, (64, 48)))
LIMIT = 100_000
LOOPBACK = DownloadSettings(
    timeout_s=0.3,
    total_timeout_s=1.0,
    max_redirects=3,
    max_body_bytes=LIMIT,
    **LOOPBACK_ONLY,
)


def fetch(url: str, *, lookup=None, **changes: object) -> Fetched:
    settings = LOOPBACK.model_copy(update=changes)

    async def run() -> Fetched:
        async with ImageClient(settings, lookup=lookup, backoff_s=0.01) as client:
            return await client.fetch(url)

    return asyncio.run(run())


def outcome(fetched: Fetched) -> tuple[RejectReason | None, str]:
    assert (fetched.body is None) == (fetched.reason is not None)
    return fetched.reason, fetched.detail


def test_a_body(hostile_web):
    fetched = fetch(hostile_web.on("/a.jpg", answer(BODY)))
    assert (fetched.body, fetched.reason, fetched.http_status, fetched.attempts) == (BODY, None, 200, 1)


def test_who_asks(hostile_web):
    fetch(hostile_web.on("/a", answer(BODY)), user_agent_token="mybot", contact="https://example.com/bot\r\nX: y")
    headers = hostile_web.seen[0].headers
    assert headers["user-agent"].endswith("(compatible; babelsift; mybot; +https://example.com/bot X: y)")
    assert headers["accept-encoding"] == "identity"
    assert "x" not in headers


def test_user_agent_without_token_names_us():
    assert user_agent(DownloadSettings()).endswith("Firefox/72.0 (compatible; babelsift)")


def test_the_path_is_sent_unchanged(hostile_web):
    hostile_web.on_any(answer(BODY))
    fetch(hostile_web.url("/100%.jpg?sig=%2Fa%2B&e=é"))
    assert hostile_web.seen[0].path == "/100%.jpg?sig=%2Fa%2B&e=%C3%A9"


# --- bodies


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
    fetched = fetch(url, total_timeout_s=0.4)
    assert outcome(fetched) == (RejectReason.TIMEOUT, "total, 0.4 s")
    assert fetched.seconds < 1


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
    fetched = fetch(url, total_timeout_s=5.0)
    assert outcome(fetched) == (RejectReason.PROTOCOL_ERROR, "Invalid character in chunk size")
    assert fetched.seconds < 2


@pytest.mark.parametrize("status", [200, 204])
def test_empty_body(hostile_web, status):
    assert outcome(fetch(hostile_web.on("/", answer(b"", status=status)))) == (RejectReason.EMPTY_BODY, "0 bytes")


def test_reset_within_the_body(hostile_web):
    url = hostile_web.on("/", reset_after(head(200, "Content-Length: 5000") + b"abc"))
    assert outcome(fetch(url)) == (RejectReason.CONNECTION_FAILURE, "connection reset")


# --- content codings


@pytest.mark.parametrize(
    ("coding", "content"),
    [
        ("gzip", gzip.compress(BODY)),
        ("X-GZIP", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY)[2:-4]),
        ("gzip", BODY),  # said to be, and is not
        ("utf-8", BODY),
        ("identity", BODY),
        ("gzip", gzip.compress(BODY) + bytes(100)),
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


# --- redirects and addresses


def test_redirect_is_followed(hostile_web):
    hostile_web.on("/b", answer(BODY))
    assert fetch(hostile_web.on("/a", redirect("/b"))).body == BODY


def test_redirect_loop(hostile_web):
    url = hostile_web.on("/a", redirect("/a"))
    assert outcome(fetch(url)) == (RejectReason.TOO_MANY_REDIRECTS, "more than 3")
    assert hostile_web.requests["/a"] == 4


@pytest.mark.parametrize(
    ("location", "reason", "detail"),
    [
        ("http://10.0.0.1/", RejectReason.ADDRESS_REFUSED, "private address 10.0.0.1"),
        (
            "http://169.254.169.254/latest/meta-data/",
            RejectReason.ADDRESS_REFUSED,
            "link-local address 169.254.169.254",
        ),
        ("http://0x7f.1/", RejectReason.ADDRESS_REFUSED, "odd spelling of an address: 0x7f.1"),
        ("file:///etc/passwd", RejectReason.ADDRESS_REFUSED, "scheme file"),
        ("http://[::1", RejectReason.URL_INVALID, "redirect: Invalid IPv6 URL"),
    ],
)
def test_redirect_out_of_bounds(hostile_web, location, reason, detail):
    assert outcome(fetch(hostile_web.on("/", redirect(location)))) == (reason, detail)


def test_redirect_without_location(hostile_web):
    assert outcome(fetch(hostile_web.on("/", answer(b"", status=302)))) == (RejectReason.HTTP_STATUS, "302")


def test_endless_body_of_a_redirect_is_not_read(hostile_web):
    hostile_web.on("/b", answer(BODY))
    url = hostile_web.on("/a", endless(head(302, "Location: /b", "Transfer-Encoding: chunked"), b"4\r\naaaa\r\n"))
    assert fetch(url).body == BODY


def test_redirect_from_https_to_http(hostile_tls_web, hostile_web):
    hostile_web.on("/b", answer(BODY))
    url = hostile_tls_web.on("/a", redirect(hostile_web.url("/b")))
    assert outcome(fetch(url, verify_tls=False)) == (RejectReason.ADDRESS_REFUSED, "redirect from https to http")
    assert hostile_web.total_requests == 0


def test_loopback_is_refused_unless_allowed(hostile_web):
    url = hostile_web.on("/", answer(BODY))
    assert outcome(fetch(url, allow_addresses=())) == (RejectReason.ADDRESS_REFUSED, "loopback address 127.0.0.1")
    assert hostile_web.total_requests == 0


def test_name_of_a_private_address(hostile_web):
    hostile_web.on("/", answer(BODY))

    async def lookup(host):
        return ["8.8.8.8", "127.0.0.1"]

    fetched = fetch(hostile_web.url("/", host="innocent.example"), lookup=lookup, allow_addresses=())
    assert outcome(fetched) == (RejectReason.ADDRESS_REFUSED, "loopback address 127.0.0.1")
    assert hostile_web.total_requests == 0


def test_name_that_changes_its_address_between_check_and_use(hostile_web):
    hostile_web.on("/", raw(head(503, "Content-Length: 0")))
    answers = []

    async def rebinding(host):
        answers.append("127.0.0.1" if not answers else "10.0.0.1")
        return [answers[-1]]

    fetched = fetch(hostile_web.url("/", host="rebinding.example"), lookup=rebinding, retries=2)
    # the one answer that was checked is used for all that follows
    assert (fetched.reason, fetched.attempts) == (RejectReason.HTTP_STATUS, 3)
    assert answers == ["127.0.0.1"]
    assert hostile_web.total_requests == 3
    assert hostile_web.seen[0].headers["host"].startswith("rebinding.example")


def test_second_answer_is_checked_as_the_first(hostile_web):
    hosts = iter(["127.0.0.1", "10.0.0.1"])

    async def lookup(host):
        return [next(hosts)]

    hostile_web.on("/", redirect(hostile_web.url("/", host="two.example")))
    fetched = fetch(hostile_web.url("/", host="one.example"), lookup=lookup)
    assert outcome(fetched) == (RejectReason.ADDRESS_REFUSED, "private address 10.0.0.1")


def test_name_that_does_not_exist():
    async def lookup(host):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    fetched = fetch("http://nowhere.example/a.jpg", lookup=lookup)
    assert outcome(fetched) == (RejectReason.DNS_FAILURE, "Name or service not known")


def test_a_name_that_was_not_found_is_not_looked_up_for_each_of_its_urls():
    asked = []

    async def lookup(host):
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def run():
        async with ImageClient(LOOPBACK, lookup=lookup) as client:
            return [await client.fetch(f"http://{host}.example/{n}.jpg") for n in range(3) for host in "ab"]

    assert {outcome(fetched) for fetched in asyncio.run(run())} == {
        (RejectReason.DNS_FAILURE, "Name or service not known")
    }
    assert asked == ["a.example", "b.example"]


def test_name_lookup_that_hangs():
    async def lookup(host):
        await asyncio.Event().wait()

    fetched = fetch("http://slow.example/a.jpg", lookup=lookup, timeout_s=0.1)
    assert outcome(fetched) == (RejectReason.TIMEOUT, "name lookup, 0.1 s")


def test_system_lookup(hostile_web):
    hostile_web.on("/a", answer(BODY))
    fetched = fetch(hostile_web.url("/a", host="localhost"), allow_addresses=("127.0.0.0/8", "::1/128"))
    assert fetched.body == BODY


def test_label_that_no_resolver_takes():
    assert fetch("http://a..b/x.jpg").reason is RejectReason.DNS_FAILURE


# --- connections and protocol


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
    fetched = fetch(hostile_web.url("/").replace("http:", "https:"))
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
    assert fetched.seconds < 20


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


# --- statuses, retries, opt-outs


@pytest.mark.parametrize(("status", "attempts"), [(404, 1), (403, 1), (410, 1), (429, 3), (408, 3), (500, 3), (503, 3)])
def test_statuses(hostile_web, status, attempts):
    fetched = fetch(hostile_web.on("/", answer(b"no", status=status)), retries=2)
    assert outcome(fetched) == (RejectReason.HTTP_STATUS, str(status))
    assert (fetched.http_status, fetched.attempts, hostile_web.requests["/"]) == (status, attempts, attempts)


def test_busy_then_ready(hostile_web):
    url = hostile_web.on("/", in_turn(answer(b"", status=503), answer(BODY)))
    assert (fetch(url, retries=2).body, hostile_web.requests["/"]) == (BODY, 2)


def test_timeout_is_tried_again(hostile_web):
    url = hostile_web.on("/", in_turn(silence(), answer(BODY)))
    assert fetch(url, timeout_s=0.15, retries=1).body == BODY


def test_retry_after_is_honoured(hostile_web):
    url = hostile_web.on("/", in_turn(answer(b"", "Retry-After: 1", status=429), answer(BODY)))
    started = time.monotonic()
    assert fetch(url, retries=1, total_timeout_s=3.0).body == BODY
    assert time.monotonic() - started >= 1


@pytest.mark.parametrize("value", ["3600", "Fri, 31 Dec 2100 23:59:59 GMT", "9" * 400])
def test_retry_after_beyond_the_total_limit_is_not_waited_for(hostile_web, value):
    fetched = fetch(hostile_web.on("/", answer(b"", f"Retry-After: {value}", status=503)), retries=2)
    assert (*outcome(fetched), fetched.attempts) == (RejectReason.HTTP_STATUS, "503", 1)
    assert fetched.seconds < 1


def test_retry_after_that_makes_no_sense(hostile_web):
    fetched = fetch(hostile_web.on("/", answer(b"", "Retry-After: soon", status=503)), retries=1)
    assert fetched.attempts == 2


def test_opted_out(hostile_web):
    url = hostile_web.on("/", answer(BODY, "X-Robots-Tag: nofollow", "X-Robots-Tag: NoAI"))
    assert outcome(fetch(url)) == (RejectReason.OPTED_OUT, "noai")
    assert fetch(url, disallowed_header_directives=()).body == BODY


def test_opted_out_for_another_robot(hostile_web):
    url = hostile_web.on("/", answer(BODY, "X-Robots-Tag: otherbot: noai"))
    assert fetch(url).body == BODY
    assert fetch(url, user_agent_token="OtherBot").reason is RejectReason.OPTED_OUT


# --- many at once


def test_bounds_on_what_is_under_way(hostile_web):
    under_way = {"now": 0, "most": 0}

    async def handler(request):
        under_way["now"] += 1
        under_way["most"] = max(under_way.values())
        await asyncio.sleep(0.02)
        under_way["now"] -= 1
        await answer(BODY)(request)

    hostile_web.on_any(handler)
    settings = LOOPBACK.model_copy(update={"thread_count": 20, "connections_per_host": 3, "total_timeout_s": 0.5})

    async def run() -> list[Fetched]:
        async with ImageClient(settings) as client:
            return await asyncio.gather(*(client.fetch(hostile_web.url(f"/{n}")) for n in range(100)))

    # 100 URLs at 3 a time take longer than any one may: waiting for a turn is not counted against a URL
    assert all(fetched.body == BODY for fetched in asyncio.run(run()))
    assert under_way["most"] == 3


def test_bodies_in_use_are_bounded(hostile_web):
    hostile_web.on("/big", answer(bytes(5_000_000)))
    settings = LOOPBACK.model_copy(update={"max_body_bytes": 2**30, "total_timeout_s": 0.5, "timeout_s": 2.0})

    async def run() -> list[RejectReason | None]:
        async with ImageClient(settings) as client, client.fetching(hostile_web.url("/big")) as first:
            async with client.fetching(hostile_web.url("/big")) as second:
                third = await client.fetch(hostile_web.url("/big"))
            fourth = await client.fetch(hostile_web.url("/big"))
            return [fetched.reason for fetched in (first, second, third, fourth)]

    # two places for bodies of up to 1 GiB each: a third large body waits until its time is over
    assert asyncio.run(run()) == [None, None, RejectReason.TIMEOUT, None]
