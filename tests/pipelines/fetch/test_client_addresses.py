"""Where a URL may lead: redirects, names and their addresses."""

from __future__ import annotations

import asyncio
import socket

import pytest

from babelsift.pipelines.fetch.client import ImageClient
from babelsift.schemas import RejectReason
from tests.support.hostile_web import answer, endless, head, raw, redirect
from tests.support.one_fetch import BODY, LOOPBACK, fetch, outcome


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
