"""Asking for URLs: they are fetched in a process of its own, one for all sessions of a process, and answered here."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence

from babelsift.pipelines.fetch.answers import Answer, pack_ask, receive_answer
from babelsift.pipelines.processes import start_child
from babelsift.schemas.recipe import DownloadSettings

_START = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from babelsift.pipelines.processes import end_with_parent
end_with_parent(int(sys.argv[2]))
from babelsift.pipelines.fetch.fetch_process import serve
serve(int(sys.argv[3]))
"""
_SENT_AHEAD_BYTES = 2**22  # as much of it as the system grants
_END_S = 5.0


class FetchSession:
    """URLs that share one `ImageClient`, in the process that fetches; it is started where there is none.

    What is asked for is answered in any order, what was asked for first begun first. Answers that are not received hold
    further fetching up. All methods may be called from any thread.
    """

    def __init__(self, settings: DownloadSettings) -> None:
        self._channel = _process.connect()
        self._asking, self._receiving = threading.Lock(), threading.Lock()
        self._is_over = False
        self._say({"settings": settings.model_dump_json()})

    def ask(self, ticket: int, urls: Sequence[str]) -> None:
        """Asks for URLs; a ticket is asked with once."""
        self._say({"ticket": ticket, "urls": list(urls)})

    def drop(self, ticket: int) -> None:
        """Says that what was asked for is no longer wanted; answers that are on their way come nevertheless."""
        self._say({"drop": ticket})

    def receive(self) -> Answer | None:
        """Waits for an answer; None where there will be no more: the session was closed, or the process has ended."""
        with self._receiving:
            if self._is_over:
                return None
            answer = receive_answer(self._channel)
            if answer is None:
                self._is_over = True
                self._channel.close()
            return answer

    def close(self) -> None:
        """Ends the session: nothing more is fetched for it, and whoever waits for an answer gets None."""
        with contextlib.suppress(OSError):  # it was closed at the other end
            self._channel.shutdown(socket.SHUT_RDWR)

    def _say(self, ask: dict[str, object]) -> None:
        message = pack_ask(ask)
        with self._asking, contextlib.suppress(OSError):  # the process has ended: whoever receives is told
            self._channel.sendall(message)


class _FetchProcess:
    """The process that fetches, started when first asked for, and again where it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process_id(self) -> int | None:
        """The process's id, None before it is first started."""
        return None if self._process is None else self._process.pid

    def connect(self) -> socket.socket:
        """Returns a socket whose other end the process has."""
        ours, theirs = socket.socketpair()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SENT_AHEAD_BYTES)
        with theirs, self._lock:
            if self._process is None or not self._hand_over(theirs):
                self._start()
                self._hand_over(theirs)
        return ours

    def _hand_over(self, theirs: socket.socket) -> bool:
        try:
            return socket.send_fds(self._control, [b"."], [theirs.fileno()]) > 0
        except OSError:  # it has ended
            return False

    def _start(self) -> None:
        if self._process is not None:
            self._end()
        self._control, theirs = socket.socketpair()
        with theirs:
            arguments = [json.dumps(sys.path), str(os.getpid()), str(theirs.fileno())]
            command = [sys.executable, "-c", _START, *arguments]
            self._process = start_child(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        atexit.register(self._end)

    def _end(self) -> None:
        """Waits for the end, so that what the process used counts as used by this one."""
        atexit.unregister(self._end)
        self._control.close()
        assert self._process is not None
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()


_process = _FetchProcess()


def fetch_process_id() -> int | None:
    """Returns the id of the process that fetches for this one; None before the first session."""
    return _process.process_id
