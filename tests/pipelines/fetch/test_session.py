from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from babelsift.pipelines.fetch import FetchSession
from babelsift.pipelines.fetch.answers import pack_ask, unpack_asks
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings
from tests.support.hostile_web import LOOPBACK_ONLY, answer, encoded, photo, silence

SETTINGS = DownloadSettings(timeout_s=60.0, total_timeout_s=600.0, thread_count=2, **LOOPBACK_ONLY)
BODY = encoded(photo(1, (64, 48)))


@pytest.fixture
def opened():
    """opened(**settings) -> FetchSession, closed in the end."""
    sessions = []

    def open_session(**changes) -> FetchSession:
        sessions.append(FetchSession(SETTINGS.model_copy(update=changes)))
        return sessions[-1]

    yield open_session
    for session in sessions:
        session.close()
        while session.receive() is not None:
            pass


def test_bodies_and_failures_come_back_as_they_were_found(opened, hostile_web):
    hostile_web.on("/photo", answer(BODY))
    hostile_web.on("/gone", answer(b"no", status=404))
    session = opened()
    session.ask(7, [hostile_web.url("/photo"), hostile_web.url("/gone"), "ftp://somewhere/ü\ud800.jpg"])
    answers = sorted((session.receive() for _ in range(3)), key=lambda one: one.row)
    assert [(one.ticket, one.row) for one in answers] == [(7, 0), (7, 1), (7, 2)]
    photo_found, gone, refused = (one.fetched for one in answers)
    assert (photo_found.body, photo_found.reason, photo_found.http_status) == (BODY, None, 200)
    assert photo_found.seconds > 0
    assert (gone.body, gone.reason, gone.detail, gone.http_status) == (None, RejectReason.HTTP_STATUS, "404", 404)
    assert (refused.reason, refused.detail) == (RejectReason.ADDRESS_REFUSED, "scheme ftp")
    assert refused.http_status is None


def test_what_was_asked_for_first_is_begun_first(opened, hostile_web):
    begun = []

    async def handler(request):
        begun.append(request.path)
        await answer(BODY)(request)

    hostile_web.on_any(handler)
    session = opened(thread_count=1)
    for ticket in range(3):
        session.ask(ticket, [hostile_web.url(f"/{ticket}") for _ in range(20)])
    for _ in range(60):
        session.receive()
    assert [path.lstrip("/") for path in begun] == sorted(path.lstrip("/") for path in begun)


def test_what_is_dropped_makes_room(opened, hostile_web):
    hostile_web.on("/never", silence())
    hostile_web.on("/photo", answer(BODY))
    session = opened(timeout_s=600.0, total_timeout_s=600.0)
    session.ask(1, [hostile_web.url("/never")] * 50)
    session.ask(2, [hostile_web.url("/photo")] * 3)
    started = time.monotonic()
    session.drop(1)
    assert sorted((one.ticket, one.row) for one in (session.receive() for _ in range(3))) == [(2, 0), (2, 1), (2, 2)]
    assert time.monotonic() - started < 600


def test_who_does_not_receive_holds_the_fetching_up(opened, hostile_web):
    large, asked = bytes(2**20), []

    async def handler(request):
        asked.append(request.path)
        await answer(large)(request)

    hostile_web.on_any(handler)
    hostile_web.on("/photo", answer(BODY))
    session, another = opened(), opened()
    session.ask(1, [hostile_web.url(f"/{row}") for row in range(40)])
    assert session.receive().fetched.body == large
    for ticket in range(200):  # meanwhile the others, too, could have come in
        another.ask(ticket, [hostile_web.url("/photo")])
        another.receive()
    assert len(asked) < 20
    for _ in range(39):
        session.receive()
    assert len(asked) == 40


def test_whoever_waits_is_told_that_the_process_has_ended(opened, hostile_web):
    hostile_web.on("/never", silence())
    hostile_web.on("/photo", answer(BODY))
    session = opened()
    session.ask(1, [hostile_web.url("/never")])
    os.kill(session.pid, signal.SIGKILL)
    assert session.receive() is None
    assert session.receive() is None
    session.ask(2, [hostile_web.url("/photo")])  # in vain, without an error: the end was said
    session.drop(2)
    another = opened()
    another.ask(1, [hostile_web.url("/photo")])
    assert another.receive().fetched.body == BODY


def test_closing_ends_the_waiting(opened, hostile_web):
    hostile_web.on("/never", silence())
    session = opened()
    session.ask(1, [hostile_web.url("/never")])
    session.close()
    assert session.receive() is None


def test_sessions_share_a_process_but_not_their_limits(opened, hostile_web):
    hostile_web.on_any(answer(BODY))
    small, whole = opened(max_body_bytes=10), opened()
    process = small.pid
    for session in (small, whole):
        session.ask(1, [hostile_web.url("/photo")])
    assert small.receive().fetched.reason is RejectReason.BODY_TOO_LARGE
    assert whole.receive().fetched.body == BODY
    assert whole.pid == process


def test_an_interrupt_from_the_terminal_is_not_for_it(opened, hostile_web):
    hostile_web.on_any(answer(BODY))
    session = opened()
    session.ask(1, [hostile_web.url("/photo")])
    session.receive()
    os.kill(session.pid, signal.SIGINT)
    session.ask(2, [hostile_web.url("/photo")])
    assert session.receive().fetched.body == BODY


def test_it_ends_with_whoever_started_it():
    code = (
        "import os\n"
        "from babelsift.pipelines.fetch import FetchSession\n"
        "from babelsift.schemas.recipe import DownloadSettings\n"
        "one = FetchSession(DownloadSettings())\n"
        "one.ask(1, ['ftp://x/'])\n"
        "print(one.receive().fetched.detail, flush=True)\n"
        "os._exit(9)\n"
    )
    # the output is at its end when nobody can write to it any more, and the process that fetches could
    started = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (started.returncode, started.stdout) == (9, "scheme ftp\n")


def test_asks_arrive_in_pieces_too():
    message, received, asks = pack_ask({"ticket": 1, "urls": ["http://x/ü"]}) * 2, bytearray(), []
    for byte in message:
        received.append(byte)
        asks += unpack_asks(received)
    assert asks == [{"ticket": 1, "urls": ["http://x/ü"]}] * 2
    assert not received
