"""What runs in a process of its own: a network loop that sends on what the URLs give that it is asked for.

In the process that decodes, the loop and the decoders would wait for each other at the interpreter's lock: on two cores
a seventh of their time.

Each session is a socket. What comes in is JSON: first {"settings": ...}, then {"ticket": number, "urls": [...],
"rows": [...]} and {"drop": ticket}. What goes out are answers, as they come, and a beat each second, by which the loop
shows that it is alive. Who does not read them holds the fetching up; who closes the socket ends the session.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from babelsift.pipelines.fetch.answers import NO_TICKET, URLS_A_SLOT, Answer, pack_answer, unpack_asks
from babelsift.pipelines.fetch.client import ImageClient
from babelsift.pipelines.fetch.fetched import Fetched
from babelsift.schemas.recipe import DownloadSettings

_READ_BYTES = 2**18
_BEAT_S = 1.0


def serve(control_fd: int) -> None:
    """Serves the sessions whose sockets come in over the control socket, until that is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches whoever asks, too, and their end is seen
    asyncio.run(_serve(socket.socket(fileno=control_fd)))


async def _serve(control: socket.socket) -> None:
    control.setblocking(False)
    loop = asyncio.get_running_loop()
    is_over = asyncio.Event()
    sessions: set[asyncio.Task[None]] = set()

    def accept() -> None:
        try:
            _, fds, _, _ = socket.recv_fds(control, 1, 1)
        except BlockingIOError:
            return
        except OSError:
            fds = []
        if not fds:
            loop.remove_reader(control)
            is_over.set()
            return
        session = asyncio.ensure_future(_Session(socket.socket(fileno=fds[0])).serve())
        sessions.add(session)
        session.add_done_callback(sessions.discard)

    loop.add_reader(control, accept)
    await is_over.wait()
    under_way = list(sessions)
    for session in under_way:
        session.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)


class _Session:
    """One asker's URLs, those asked for first begun first, so that what was asked for together is there together."""

    def __init__(self, channel: socket.socket) -> None:
        channel.setblocking(False)
        self._channel = channel
        self._wanted: deque[tuple[int, int, str]] = deque()  # ticket, row, URL
        self._fetching: dict[asyncio.Task[None], int] = {}  # the tickets of those that may be dropped
        self._takers: set[asyncio.Task[None]] = set()
        self._sending = asyncio.Lock()

    async def serve(self) -> None:
        """Answers what is asked until the asker is gone."""
        with self._channel:
            asks = self._asks()
            if (first := await anext(asks, None)) is None:
                return
            self._settings = DownloadSettings.model_validate_json(first["settings"])
            async with ImageClient(self._settings) as self._client:
                beating = asyncio.ensure_future(self._beat())
                try:
                    async for ask in asks:
                        self._heed(ask)
                finally:
                    under_way = [*self._takers, beating]
                    for task in under_way:
                        task.cancel()
                    await asyncio.gather(*under_way, return_exceptions=True)

    async def _asks(self) -> AsyncIterator[dict[str, Any]]:
        loop, received = asyncio.get_running_loop(), bytearray()
        try:
            while chunk := await loop.sock_recv(self._channel, _READ_BYTES):
                received += chunk
                for ask in unpack_asks(received):
                    yield ask
        except ConnectionResetError:
            return

    def _heed(self, ask: dict[str, Any]) -> None:
        if "drop" in ask:
            dropped = ask["drop"]
            self._wanted = deque(wanted for wanted in self._wanted if wanted[0] != dropped)
            for taker in [taker for taker, ticket in self._fetching.items() if ticket == dropped]:
                taker.cancel()
        else:
            self._wanted.extend((ask["ticket"], row, url) for row, url in zip(ask["rows"], ask["urls"], strict=True))
            self._add_takers()

    def _add_takers(self) -> None:
        most = URLS_A_SLOT * self._settings.thread_count
        for _ in range(min(most - len(self._takers), len(self._wanted))):
            taker = asyncio.ensure_future(self._take())
            self._takers.add(taker)
            taker.add_done_callback(self._has_ended)

    def _has_ended(self, taker: asyncio.Task[None]) -> None:
        self._takers.discard(taker)
        self._fetching.pop(taker, None)
        if not taker.cancelled() and (error := taker.exception()) is not None:
            if not isinstance(error, ConnectionError):  # the asker is gone, which ends the session
                logging.error("download: what fetches failed", exc_info=error)
                self._channel.shutdown(socket.SHUT_RDWR)
            return
        self._add_takers()  # a dropped URL's taker has left others to be taken

    async def _take(self) -> None:
        this = asyncio.current_task()
        assert this is not None
        while self._wanted:
            ticket, row, url = self._wanted.popleft()
            self._fetching[this] = ticket
            async with self._client.fetching(url) as fetched:
                del self._fetching[this]  # what is begun to be sent is sent to its end
                await self._send(*pack_answer(Answer(ticket, row, fetched)))

    async def _beat(self) -> None:
        while True:
            await self._send(*pack_answer(Answer(NO_TICKET, 0, Fetched(b""))))
            await asyncio.sleep(_BEAT_S)

    async def _send(self, head: bytes, body: bytes) -> None:
        loop = asyncio.get_running_loop()
        async with self._sending:
            try:
                sent = self._channel.sendmsg([head, body])
            except BlockingIOError:
                sent = 0
            for part in (head, body):
                if sent < len(part):
                    await loop.sock_sendall(self._channel, memoryview(part)[sent:])
                sent = max(0, sent - len(part))
