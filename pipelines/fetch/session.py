"""Asking for URLs: they are fetched in a process of its own, one for all sessions of a process, and answered here."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence

from babelsift.pipelines.fetch.answers import NO_TICKET, Answer, pack_ask, receive_answer
from babelsift.pipelines.processes import RunningServer, ServerProcess
from babelsift.pipelines.processes.channel import bound_receiving
from babelsift.schemas.recipe import DownloadSettings

_SENT_AHEAD_BYTES = 2**22  # as much of it as the system grants
_STALLED_S = 60.0  # a loop that is alive says so every second
_START_S = 300.0  # for the process to import what it needs, from a cold disk too


class FetchSession:
    """URLs that share one `ImageClient`, in the process that fetches; it is started where there is none.

    What is asked for is answered in any order, what was asked for first begun first. Answers that are not received hold
    further fetching up. All methods may be called from any thread.

    Args:
        settings: of the client.
        stalled_s: where somebody waits for answers and hears nothing of the process so long, not even that it is alive,
            it is ended, for all of its sessions.
    """

    def __init__(self, settings: DownloadSettings, *, stalled_s: float = _STALLED_S) -> None:
        self._channel, theirs = socket.socketpair()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SENT_AHEAD_BYTES)
        self._stalled_s, self._has_begun = stalled_s, False
        bound_receiving(self._channel, max(stalled_s, _START_S))
        with theirs:
            self._process: RunningServer = _fetch_process.hand_over([theirs.fileno()])
        self._asking, self._receiving = threading.Lock(), threading.Lock()
        self._is_over = False
        self._say({"settings": settings.model_dump_json()})

    @property
    def pid(self) -> int:
        """Process id of the process that fetches."""
        return self._process.pid

    @property
    def has_stalled(self) -> bool:
        """Whether the process that fetches stood still, and was ended for that."""
        return self._process.was_killed

    def ask(self, ticket: int, urls: Sequence[str], rows: Sequence[int] | None = None) -> None:
        """Asks for URLs; a row is asked for once.

        Args:
            ticket: names what is asked for together.
            urls: in the order in which they are begun.
            rows: their numbers in the answers; None: 0, 1 and so on.
        """
        self._say({"ticket": ticket, "urls": list(urls), "rows": list(range(len(urls)) if rows is None else rows)})

    def drop(self, ticket: int) -> None:
        """Says that what was asked for is no longer wanted; answers that are on their way come nevertheless."""
        self._say({"drop": ticket})

    def receive(self) -> Answer | None:
        """Waits for an answer; None where there will be no more: the session was closed, or the process has ended."""
        with self._receiving:
            if self._is_over:
                return None
            try:
                while (answer := receive_answer(self._channel)) is not None and answer.ticket == NO_TICKET:
                    self._expect_signs_of_life()
            except BlockingIOError:
                self._process.kill()
                answer = None
            if answer is None:
                self._is_over = True
                self._channel.close()
            return answer

    def close(self) -> None:
        """Ends the session: nothing more is fetched for it, and whoever waits for an answer gets None."""
        with contextlib.suppress(OSError):  # it was closed at the other end
            self._channel.shutdown(socket.SHUT_RDWR)

    def _expect_signs_of_life(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            bound_receiving(self._channel, self._stalled_s)

    def _say(self, ask: dict[str, object]) -> None:
        message = pack_ask(ask)
        with self._asking, contextlib.suppress(OSError):  # the process has ended: whoever receives is told
            self._channel.sendall(message)


_fetch_process = ServerProcess("babelsift.pipelines.fetch.fetch_process", "serve")
