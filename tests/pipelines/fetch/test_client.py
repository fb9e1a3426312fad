"""The client: what it sends, whom it heeds, and how much of it at once."""

from __future__ import annotations

import asyncio

from babelsift.pipelines.fetch import Fetched
from babelsift.pipelines.fetch.client import ImageClient, user_agent
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings
from tests.support.hostile_web import answer
from tests.support.one_fetch import BODY, LOOPBACK, fetch


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


def test_bounds_on_what_is_under_way(hostile_web):
    under_way = {"now": 0, "most": 0}

    async def handler(request):
        under_way["now"] += 1
        under_way["most"] = max(under_way.values())
        await asyncio.sleep(0.1)
        under_way["now"] -= 1
        await answer(BODY)(request)

    hostile_web.on_any(handler)
    settings = LOOPBACK.model_copy(update={"thread_count": 20, "connections_per_host": 3, "total_timeout_s": 3.0})

    async def run() -> list[Fetched]:
        async with ImageClient(settings) as client:
            return await asyncio.gather(*(client.fetch(hostile_web.url(f"/{n}")) for n in range(100)))

    # 100 URLs at 3 a time take longer than any one may: waiting for a turn is not counted against a URL
    assert all(fetched.body == BODY for fetched in asyncio.run(run()))
    assert under_way["most"] == 3


def test_bodies_in_use_are_bounded(hostile_web):
    hostile_web.on("/big", answer(bytes(5_000_000)))
    settings = LOOPBACK.model_copy(update={"max_body_bytes": 2**30, "total_timeout_s": 3.0})

    async def run() -> list[RejectReason | None]:
        async with ImageClient(settings) as client, client.fetching(hostile_web.url("/big")) as first:
            async with client.fetching(hostile_web.url("/big")) as second:
                third = await client.fetch(hostile_web.url("/big"))
            fourth = await client.fetch(hostile_web.url("/big"))
            return [fetched.reason for fetched in (first, second, third, fourth)]

    # two places for bodies of up to 1 GiB each: a third large body waits until its time is over
    assert asyncio.run(run()) == [None, None, RejectReason.TIMEOUT, None]
