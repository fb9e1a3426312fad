"""What files of a host say beside robots.txt's own rules: each form heard once a host, and silent where it is off."""

from __future__ import annotations

import asyncio

import pytest

from babelsift.pipelines.fetch.client import ImageClient
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import OptOutSettings
from tests.support.hostile_web import answer, redirect, silence
from tests.support.one_fetch import BODY, LOOPBACK, outcome
from tests.support.one_fetch import fetch as fetch_one

ROBOTS, TDMREP, AI_TXT = "/robots.txt", "/.well-known/tdmrep.json", "/ai.txt"
EVERYTHING = {"robots_txt": True, "opt_outs": OptOutSettings(tdmrep_json=True, ai_txt=True)}
RESERVED = '[{"location": "/b/", "tdm-reservation": 1}]'
FORMS = [
    (
        ROBOTS,
        "User-agent: *\nContent-Usage: /b/ train-ai=n",
        RejectReason.CONTENT_USAGE_OPT_OUT,
        "Content-Usage in robots.txt",
        {"content_usage": False},
    ),
    (  # in no group, so to whoever has one, too
        ROBOTS,
        "Disallow: /c/\nContent-Usage: /b/ train-ai=n\nUser-agent: babelsift\nAllow: /",
        RejectReason.CONTENT_USAGE_OPT_OUT,
        "Content-Usage in robots.txt",
        {"content_usage": False},
    ),
    (
        ROBOTS,
        "User-agent: *\nContent-Signal: /b/ ai-train=no",
        RejectReason.CONTENT_SIGNAL_OPT_OUT,
        "Content-Signal in robots.txt",
        {"content_signal": False},
    ),
    (
        ROBOTS,
        "User-agent: *\nDisallow:\nUser-agent: gptbot\nDisallow: /b/",
        RejectReason.TRAINING_CRAWLER_DISALLOWED,
        "GPTBot in robots.txt",
        {"training_crawlers": ()},
    ),
    (TDMREP, RESERVED, RejectReason.TDMREP_RESERVED, "tdmrep.json", {"tdmrep_json": False}),
    (AI_TXT, "User-Agent: *\nDisallow: *.jpg", RejectReason.AI_TXT_DISALLOWED, "ai.txt", {"ai_txt": False}),
    (AI_TXT, "User-Agent: *\nAllow: /\nDisallow: /b/", RejectReason.AI_TXT_DISALLOWED, "ai.txt", {"ai_txt": False}),
]


@pytest.fixture
def fetch(hostile_web):
    """fetch({path: content or handler}, path, **settings) -> Fetched"""
    hostile_web.on("/a.png", answer(BODY))
    hostile_web.on("/b/a.jpg", answer(BODY))

    def run(files, path="/b/a.jpg", **changes):
        for name, content in files.items():
            hostile_web.on(name, answer(content.encode()) if isinstance(content, str) else content)
        return fetch_one(hostile_web.url(path), **EVERYTHING | changes)

    return run


@pytest.mark.parametrize(("name", "content", "reason", "detail", "off"), FORMS)
def test_a_form_is_heard_for_its_paths_unless_switched_off(fetch, hostile_web, name, content, reason, detail, off):
    assert outcome(fetch({name: content})) == (reason, f"{detail} of 127.0.0.1")
    assert "/b/a.jpg" not in hostile_web.requests
    assert fetch({name: content}, "/a.png").body == BODY
    switched = EVERYTHING["opt_outs"].model_copy(update=off)
    assert fetch({name: content}, opt_outs=switched).body == BODY


@pytest.mark.parametrize(
    "robots",
    [
        "User-agent: babelsift\nAllow: /\nUser-agent: GPTBot\nDisallow: /",
        "User-agent: GPTBot\nDisallow: /private/",
        "User-agent: GPTBotter\nDisallow: /",
        "User-agent: Bingbot\nDisallow: /",
        "User-agent: babelsift\nAllow: /\nUser-agent: *\nContent-Usage: train-ai=n",
    ],
)
def test_what_is_said_to_others_leaves_nothing_out(fetch, robots):
    assert fetch({ROBOTS: robots}).body == BODY


@pytest.mark.parametrize("name", [TDMREP, AI_TXT])
@pytest.mark.parametrize(
    "handler",
    [
        answer(b"<html>User-agent: * Disallow: /</html>"),
        answer(RESERVED.encode(), status=404),
        answer(b"User-agent: *\nDisallow: /", status=503),
        answer(bytes(range(256)) * 4000),
        redirect("http://169.254.169.254/"),
    ],
)
def test_a_file_that_is_none_says_nothing(fetch, name, handler):
    assert fetch({name: handler}).body == BODY


def test_a_file_that_never_comes_says_nothing(fetch):
    assert fetch({AI_TXT: silence()}, timeout_s=0.3).body == BODY


def test_each_file_is_asked_for_once_a_host_and_only_where_it_is_wanted(hostile_web):
    hostile_web.on_any(answer(BODY))
    for name, content in ((ROBOTS, ""), (TDMREP, "[]"), (AI_TXT, "")):
        hostile_web.on(name, answer(content.encode()))
    urls = [hostile_web.url(f"/{number}.jpg") for number in range(20)]

    async def fetch_all(settings):
        async with ImageClient(settings) as client:
            return await asyncio.gather(*(client.fetch(url) for url in urls))

    for changes, asked in (({}, []), (EVERYTHING, [ROBOTS, TDMREP, AI_TXT])):
        hostile_web.requests.clear()
        fetched = asyncio.run(fetch_all(LOOPBACK.model_copy(update=changes)))
        assert all(one.body == BODY for one in fetched)
        assert hostile_web.total_requests == 20 + len(asked)
        assert [hostile_web.requests[name] for name in asked] == [1] * len(asked)
