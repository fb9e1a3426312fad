"""A web of real photographs on loopback: a file's name is answered with it, any other path with one of the folder's.

The server is a process of its own and does next to nothing for a request, so that what is measured is who asks: the
bodies lie in memory, the request's path alone is looked at, and connections stay open for who wants them so.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
import urllib.request
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

from benchmarks.workloads.photographs import photograph_files

_CONTENT_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
_CPU_PATH, _REQUESTS_PATH = b"/-/cpu-seconds", b"/-/requests"
_BACKLOG = 4096
HOSTS = 64  # addresses that it answers on: a crawl's images lie on many hosts, and limits are a host


@contextlib.contextmanager
def photo_web(photos: str, *, latency_s: float = 0.0) -> Iterator[str]:
    """Serves a folder's photographs, from a process of its own, while the context lasts; gives the base URL.

    Args:
        latency_s: wait before each answer.
    """
    command = [sys.executable, "-m", "benchmarks.workloads.photo_web", photos, str(latency_s)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def photo_url(base_url: str, number: int) -> str:
    """Returns the URL of a photograph, on one of the web's hosts."""
    return f"{base_url.replace('127.0.0.1', f'127.0.0.{1 + number % HOSTS}')}/{number}.jpg"


def served_cpu_seconds(base_url: str) -> float:
    """Returns the CPU time that the server has taken up to now."""
    return float(_said(base_url, _CPU_PATH))


def served_requests(base_url: str) -> tuple[int, int]:
    """Returns (requests for photographs, different URLs among them) up to now."""
    requests, different = _said(base_url, _REQUESTS_PATH)
    return requests, different


def _said(base_url: str, path: bytes) -> Any:
    with urllib.request.urlopen(base_url + path.decode()) as response:
        return json.load(response)


class _Connection(asyncio.Protocol):
    """Answers requests without a body, one after the other."""

    def __init__(self, answers: dict[bytes, bytes], asked: Counter[bytes], latency_s: float) -> None:
        self._answers, self._any, self._asked = answers, list(answers.values()), asked
        self._latency_s = latency_s
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=2**24)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while True:
            request, end, rest = self._received.partition(b"\r\n\r\n")
            if not end:
                return
            self._received = rest
            if self._latency_s:
                asyncio.get_running_loop().call_later(self._latency_s, self._answer, request)
            else:
                self._answer(request)

    def _answer(self, request: bytes) -> None:
        if self._transport.is_closing():
            return
        path = request.split(b" ", 2)[1]
        if path == _CPU_PATH:
            self._say(time.process_time())
        elif path == _REQUESTS_PATH:
            self._say([self._asked.total(), len(self._asked)])
        else:
            self._asked[path] += 1
            found = self._answers.get(path[1:])
            self._transport.write(self._any[zlib.crc32(path) % len(self._any)] if found is None else found)
        # urllib, and so img2dataset, asks for this and waits for the end of the connection
        if b"connection: close" in request.lower():
            self._transport.close()

    def _say(self, content: object) -> None:
        self._transport.write(_http(b"application/json", json.dumps(content).encode()))


def _http(content_type: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (content_type, len(body), body)


async def _serve(photos: str, latency_s: float) -> None:
    answers = {
        file.name.encode(): _http(_CONTENT_TYPES[file.suffix.lower()].encode(), file.read_bytes())
        for file in photograph_files(photos)
    }
    asked: Counter[bytes] = Counter()
    loop = asyncio.get_running_loop()

    async def listen(host: int, port: int) -> asyncio.Server:
        address = f"127.0.0.{1 + host}"
        return await loop.create_server(lambda: _Connection(answers, asked, latency_s), address, port, backlog=_BACKLOG)

    first = await listen(0, 0)
    port = first.sockets[0].getsockname()[1]
    servers = [first, *[await listen(host, port) for host in range(1, HOSTS)]]
    print(port, flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    for server in servers:
        server.close()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], float(sys.argv[2])))
