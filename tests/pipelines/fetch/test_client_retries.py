"""Statuses, what is tried again and when, and what its owner keeps from us."""

from __future__ import annotations

import time

import pytest

from babelsift.schemas import RejectReason
from tests.support.hostile_web import answer, in_turn, silence
from tests.support.one_fetch import BODY, fetch, outcome


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
    fetched = fetch(url, timeout_s=1.0, total_timeout_s=600.0, retries=9)
    assert (fetched.body, fetched.attempts > 1) == (BODY, True)


def test_retry_after_is_honoured(hostile_web):
    url = hostile_web.on("/", in_turn(answer(b"", "Retry-After: 1", status=429), answer(BODY)))
    started = time.monotonic()
    assert fetch(url, retries=1, total_timeout_s=600.0).body == BODY
    assert time.monotonic() - started >= 1


@pytest.mark.parametrize("value", ["3600", "Fri, 31 Dec 2100 23:59:59 GMT", "9" * 400])
def test_retry_after_beyond_the_total_limit_is_not_waited_for(hostile_web, value):
    url = hostile_web.on("/", answer(b"", f"Retry-After: {value}", status=503))
    fetched = fetch(url, retries=2, total_timeout_s=600.0)
    assert (*outcome(fetched), fetched.attempts) == (RejectReason.HTTP_STATUS, "503", 1)
    assert fetched.seconds < 600


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
