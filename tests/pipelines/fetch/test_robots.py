from __future__ import annotations

import asyncio
import gzip
import time

import pytest

from babelsift.pipelines.fetch import Fetched
from babelsift.pipelines.fetch.client import ImageClient
from babelsift.pipelines.fetch.limits import HostPace
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings
from tests.support.hostile_web import answer, drip, encoded, endless, head, in_turn, photo, raw, redirect, silence

BODY = encoded(photo(1, (64, 48)))
SETTINGS = DownloadSettings(
    timeout_s=60.0, total_timeout_s=600.0, retries=0, ports=None, allow_addresses=("127.0.0.0/8",), robots_txt=True
)


def fetch_all(urls, **changes) -> list[Fetched]:
    settings = SETTINGS.model_copy(update=changes)

    async def run():
        async with ImageClient(settings, backoff_s=0.01) as client:
            return await asyncio.gather(*(client.fetch(url) for url in urls))

    return asyncio.run(run())


@pytest.fixture
def fetch(hostile_web):
    """fetch(robots' handler, path, **settings) -> Fetched"""
    hostile_web.on_any(answer(BODY))

    def run(robots, path="/a.jpg", **changes):
        hostile_web.on("/robots.txt", robots)
        return fetch_all([hostile_web.url(path)], **changes)[0]

    return run


def text(content, **options):
    return answer(content.encode() if isinstance(content, str) else content, **options)


def test_what_is_disallowed_is_not_asked_for(fetch, hostile_web):
    fetched = fetch(text("User-agent: *\nDisallow: /private/\n"), "/private/a.jpg")
    assert (fetched.reason, fetched.detail) == (RejectReason.ROBOTS_DISALLOWED, "robots.txt of 127.0.0.1")
    assert dict(hostile_web.requests) == {"/robots.txt": 1}


def test_what_is_allowed(fetch):
    assert fetch(text("User-agent: *\nDisallow: /private/\n")).body == BODY


def test_not_asked_unless_set(fetch, hostile_web):
    assert fetch(text("User-agent: *\nDisallow: /\n"), robots_txt=False).body == BODY
    assert "/robots.txt" not in hostile_web.requests


@pytest.mark.parametrize(("token", "allowed"), [(None, False), ("mybot", True), ("MyBot", True)])
def test_rules_for_our_name(fetch, token, allowed):
    rules = "User-agent: mybot\nAllow: /\n\nUser-agent: babelsift\nDisallow: /\n"
    assert (fetch(text(rules), user_agent_token=token).body == BODY) == allowed


def test_asked_once_a_host(hostile_web):
    hostile_web.on_any(answer(BODY))
    hostile_web.on("/robots.txt", text("User-agent: *\nDisallow: /b\n"))
    found = fetch_all([hostile_web.url(f"/{name}{n}") for n in range(10) for name in "ab"])
    assert sum(fetched.body == BODY for fetched in found) == 10
    assert hostile_web.requests["/robots.txt"] == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 429])
def test_where_there_is_none_everything_is_allowed(fetch, status):
    assert fetch(text("User-agent: *\nDisallow: /\n", status=status)).body == BODY


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_in_trouble_is_left_alone(fetch, status):
    fetched = fetch(text("", status=status))
    assert (fetched.reason, fetched.detail) == (RejectReason.ROBOTS_DISALLOWED, f"robots.txt answered {status}")


def test_a_host_that_does_not_answer(fetch, hostile_web):
    fetched = fetch(silence(), timeout_s=0.3)
    assert (fetched.reason, fetched.detail) == (RejectReason.TIMEOUT, "robots.txt: read, 0.3 s")
    assert "/a.jpg" not in hostile_web.requests


def test_a_first_answer_that_does_not_come_is_asked_for_again(fetch):
    assert fetch(in_turn(silence(), text("")), timeout_s=1.0, retries=9).body == BODY


def test_redirects_are_followed(fetch, hostile_web):
    hostile_web.on("/rules", text("User-agent: *\nDisallow: /\n"))
    assert fetch(redirect("/rules")).reason is RejectReason.ROBOTS_DISALLOWED


def test_endless_redirects_are_as_none(fetch):
    assert fetch(redirect("/robots.txt")).body == BODY


def test_redirect_inward(fetch):
    fetched = fetch(redirect("http://169.254.169.254/"))
    assert (fetched.reason, fetched.detail) == (
        RejectReason.ADDRESS_REFUSED,
        "robots.txt: link-local address 169.254.169.254",
    )


def test_the_host_of_a_redirected_image_is_asked_too(fetch, hostile_web):
    hostile_web.on("/from.jpg", redirect("/private.jpg"))
    assert fetch(text("User-agent: *\nDisallow: /private\n"), "/from.jpg").reason is RejectReason.ROBOTS_DISALLOWED
    assert "/private.jpg" not in hostile_web.requests


@pytest.mark.parametrize(
    "rules",
    [
        endless(head(200, "Connection: close"), b"User-agent: *\nDisallow: /x\n" * 1000),
        text(gzip.compress(b"#" * 40_000_000), status=200),
        text(bytes(range(256)) * 100),
        text("Disallow: /" + "*a" * 20_000 + "\n"),
    ],
)
def test_rules_without_end_or_sense_allow(fetch, rules):
    assert fetch(rules).body == BODY


def test_gzip_bomb(fetch):
    bomb = answer(gzip.compress(b"User-agent: *\nDisallow: /\n" + b"#" * 40_000_000), "Content-Encoding: gzip")
    assert fetch(bomb).reason is RejectReason.ROBOTS_DISALLOWED


def test_rules_that_drip(fetch):
    fetched = fetch(drip(head(200, "Content-Length: 5000"), b"#", every_s=0.05), timeout_s=0.3)
    assert (fetched.reason, fetched.seconds < SETTINGS.total_timeout_s) == (RejectReason.TIMEOUT, True)


def test_rules_in_no_http(fetch):
    assert fetch(raw(b"nonsense\r\n\r\n")).reason is RejectReason.PROTOCOL_ERROR


# --- rate


def test_requests_of_a_host_keep_their_distance(hostile_web):
    hostile_web.on_any(answer(BODY))
    started = time.monotonic()
    found = fetch_all(
        [hostile_web.url(f"/{n}") for n in range(6)],
        robots_txt=False,
        requests_per_host_per_s=2.0,
        total_timeout_s=2.0,
    )
    # five distances of half a second; the wait for a turn is not counted against a URL
    assert time.monotonic() - started >= 2.5
    assert all(fetched.body == BODY for fetched in found)


@pytest.mark.slow
def test_waiting_for_a_turn_after_a_redirect_is_not_the_urls_time(hostile_web):
    hostile_web.on("/image", answer(BODY))
    urls = [hostile_web.on(f"/{n}", redirect(hostile_web.url("/image"))) for n in range(10)]
    found = fetch_all(urls, robots_txt=False, requests_per_host_per_s=4.0, total_timeout_s=2.0)
    assert [fetched.body for fetched in found] == [BODY] * 10  # ten other turns come before each one's second


def test_turns_are_a_hosts_own():
    async def run():
        pace = HostPace(0.001)
        assert [await pace.turn(f"host{n}") for n in range(100)] == [0.0] * 100
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(pace.turn("host1"), 0.05)

    asyncio.run(run())


def test_hosts_whose_turn_has_come_are_forgotten():
    async def run():
        pace = HostPace(1e6)
        for n in range(30_000):
            await pace.turn(f"host{n}")
        return len(pace)

    assert asyncio.run(run()) <= 10_000


def test_without_a_rate_nothing_waits_and_nothing_is_kept():
    async def run():
        pace = HostPace(None)
        return await pace.turn("host"), len(pace)

    assert asyncio.run(run()) == (0.0, 0)
