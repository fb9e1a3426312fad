"""A proxy in front of an S3 server that lets some requests fail: each in the way that a test injects.

It counts requests by kind, passes bytes on as they are (a signature stays what it was), and closes each connection
after its answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import parse_qs, unquote, urlsplit


class Fault(Enum):
    """What happens to a request: nothing reaches the server but of those whose answer is spoilt."""

    UNAVAILABLE = "answered with 503"
    FORBIDDEN = "answered with 403"
    NOT_IMPLEMENTED = "answered with 501"
    RESET = "the connection is reset before an answer"
    LOST_ANSWER = "carried out, and the connection reset in place of its answer"
    CUT_ANSWER = "carried out, and its answer ends half way"
    CHANGED_ANSWER = "carried out, and the last byte of its answer's body flipped"
    HELD = "carried out only once the test lets it"


@dataclass(frozen=True)
class S3Request:
    """A request as S3 means it.

    Attributes:
        kind: put, get, head, list, delete, copy, or multipart.
        bucket, key: "" where there is none; of a list, its prefix.
        condition: value of If-None-Match or If-Match; "" without one.
        range: value of Range; "" without one.
    """

    method: str
    bucket: str
    key: str
    kind: str
    condition: str = ""
    range: str = ""


@dataclass
class Injection:
    """A fault, and the requests that meet it.

    Attributes:
        remaining: so many more meet it; None: all do.
        after: so many are let through first.
        met: those that met it.
        waiting: set once a request is held.
        release: lets the held requests go on.
    """

    fault: Fault
    meets: Callable[[S3Request], bool]
    remaining: int | None = None
    after: int = 0
    met: list[S3Request] = field(default_factory=list)
    waiting: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    def takes(self, request: S3Request) -> bool:
        """Whether a request meets the fault; counts it then."""
        if self.remaining == 0 or not self.meets(request):
            return False
        if self.after:
            self.after -= 1
            return False
        if self.remaining is not None:
            self.remaining -= 1
        self.met.append(request)
        return True


@dataclass
class Delay:
    """Requests that are held for a while before they reach the server.

    Attributes:
        each_s: seconds that each request is held.
        waited_s: seconds in which one or more were: what a run waits for at most, however slow the machine is.
        most: as many were held at once.
    """

    each_s: float
    waited_s: float = 0.0
    most: int = 0
    _held: int = 0
    _begun: float = 0.0

    async def hold(self) -> None:
        """Holds a request."""
        if not self._held:
            self._begun = time.monotonic()
        self._held += 1
        self.most = max(self.most, self._held)
        try:
            await asyncio.sleep(self.each_s)
        finally:
            self._held -= 1
            if not self._held:
                self.waited_s += time.monotonic() - self._begun


class FaultyProxy:
    """Passes requests on to a server on loopback, in a thread of its own; a context manager.

    Attributes:
        counts: requests by kind.
        seen: all of them, in the order of their arrival.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._injections: list[Injection] = []
        self._delay: Delay | None = None
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.seen: list[S3Request] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> FaultyProxy:
        self._thread.start()
        start = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._listener = asyncio.run_coroutine_threadsafe(start, self._loop).result()
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        for injection in self._injections:
            injection.release.set()
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def delaying(self, each_s: float) -> Iterator[Delay]:
        """Holds each request for so many seconds while the context lasts."""
        self._delay = delay = Delay(each_s)
        try:
            yield delay
        finally:
            self._delay = None

    @contextlib.contextmanager
    def counting(self) -> Iterator[Counter[str]]:
        """Yields what counts, by kind, the requests that come while the context lasts; it is filled at its end."""
        before, counts = Counter(self.counts), Counter[str]()
        yield counts
        counts.update(self.counts - before)

    @contextlib.contextmanager
    def injecting(
        self,
        fault: Fault,
        *,
        kind: str | None = None,
        key: str | None = None,
        times: int | None = None,
        after: int = 0,
        when: Callable[[S3Request], bool] = lambda request: True,
    ) -> Iterator[Injection]:
        """Injects a fault while the context lasts.

        Args:
            kind: only into requests of this kind. key: only into those whose bucket and key, `bucket/key`, have this in
                them. when: only into those of which it says so.
            times: into so many; None: into all. after: the first so many of them are let through.
        """

        def meets(request: S3Request) -> bool:
            named = key is None or key in f"{request.bucket}/{request.key}"
            return kind in (None, request.kind) and named and when(request)

        injection = Injection(fault, meets, times, after)
        with self._lock:
            self._injections.append(injection)
        try:
            yield injection
        finally:
            with self._lock:
                self._injections.remove(injection)
            injection.release.set()

    def _injection_for(self, request: S3Request) -> Injection | None:
        with self._lock:
            self.counts[request.kind] += 1
            self.seen.append(request)
            return next((injection for injection in self._injections if injection.takes(request)), None)

    async def _stop(self) -> None:
        self._listener.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            request, headers = parse_request(head)
            injection = self._injection_for(request)
            fault = injection.fault if injection else None
            if fault is Fault.RESET:
                _reset(writer)
                return
            body = await _read_body(headers, reader, writer)
            if (delay := self._delay) is not None:
                await delay.hold()
            if injection is not None and fault is Fault.HELD:
                injection.waiting.set()
                await asyncio.to_thread(injection.release.wait)
            if fault in _REFUSALS:
                answer = _refusal(fault, request)
            else:
                answer = await self._answer_of_server(head, body)
            if fault is Fault.LOST_ANSWER:
                _reset(writer)
                return
            writer.write(_spoilt(answer, fault))
            await writer.drain()
        writer.close()

    async def _answer_of_server(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        try:
            writer.write(_closing(head) + body)
            await writer.drain()
            return await reader.read(-1)
        finally:
            writer.close()


def parse_request(head: bytes) -> tuple[S3Request, dict[str, str]]:
    """Returns a request's meaning and its headers, names in lower case."""
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    url = urlsplit(target)
    bucket, _, key = unquote(url.path).lstrip("/").partition("/")
    query = parse_qs(url.query, keep_blank_values=True)
    kind = _kind(method, key, query, headers)
    if not key:
        key = query.get("prefix", [""])[0]
    condition = headers.get("if-none-match") or headers.get("if-match") or ""
    return S3Request(method, bucket, key, kind, condition, headers.get("range", "")), headers


def _kind(method: str, key: str, query: dict[str, list[str]], headers: dict[str, str]) -> str:
    if "uploadId" in query or "uploads" in query:
        return "multipart"
    if method == "PUT" and "x-amz-copy-source" in headers:
        return "copy"
    if method == "GET" and not key:
        return "list"
    if method == "POST" and "delete" in query:
        return "delete"
    return method.lower()


async def _read_body(headers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(int(headers.get("content-length", 0)))
    body = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        chunk = await reader.readexactly(int(line.split(b";")[0], 16) + 2)
        body += line + chunk
        if len(chunk) == 2:
            return body


def _closing(head: bytes) -> bytes:
    """The head as it is passed on: the server closes after its answer, and is not asked whether it wants the body."""
    dropped = (b"connection:", b"expect:")
    lines = [line for line in head.rstrip().split(b"\r\n") if not line.lower().startswith(dropped)]
    return b"\r\n".join([*lines, b"Connection: close", b"", b""])


_REFUSALS = {
    Fault.UNAVAILABLE: (503, "ServiceUnavailable"),
    Fault.FORBIDDEN: (403, "AccessDenied"),
    Fault.NOT_IMPLEMENTED: (501, "NotImplemented"),
}


def _refusal(fault: Fault, request: S3Request) -> bytes:
    status, code = _REFUSALS[fault]
    body = f"<Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
    head = f"HTTP/1.1 {status} {code}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + (b"" if request.method == "HEAD" else body)


def _spoilt(answer: bytes, fault: Fault | None) -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    if fault is Fault.CUT_ANSWER:
        return head + b"\r\n\r\n" + body[: len(body) // 2]
    if fault is Fault.CHANGED_ANSWER and body:
        return answer[:-1] + bytes([answer[-1] ^ 1])
    return answer


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection with RST in place of FIN."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
