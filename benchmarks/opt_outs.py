"""What hearing opt-outs costs a download: time, CPU and requests, at 100 URLs a host and at 2.2, as real tables have.

The client fetches bodies of 100 KB from a server on loopback that waits 50 ms before each answer; each host is an
address of its own. The server's CPU time is its thread's, and taken off. Sides: nothing heard; headers (the default);
robots.txt too; every file of a host.
"""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from babelsift.filters.opt_outs import prohibited_data_mining
from babelsift.pipelines.fetch.client import ImageClient
from babelsift.schemas.recipe import DownloadSettings, OptOutSettings
from benchmarks.harness.outcome import Figure, Outcome, median_ratio

_URLS, _ROUNDS, _LATENCY_S = 1100, 5, 0.05
_BODY = bytes(100_000)
_ROBOTS = "".join(f"User-agent: bot{number}\nDisallow: /private/{number}/\n\n" for number in range(30))
_ROBOTS += "User-agent: *\nContent-Signal: search=yes, ai-train=yes\nDisallow: /admin/\n"
_TDMREP = b'[{"location": "/private/", "tdm-reservation": 1}]'
_HEADERS = "X-Robots-Tag: max-image-preview:large\r\nContent-Usage: train-ai=y\r\n"
_HEADERS += "Content-Signal: ai-train=yes\r\ntdm-reservation: 0\r\n"
_SILENT = OptOutSettings(
    x_robots_tag=False,
    tdm_reservation=False,
    content_usage=False,
    content_signal=False,
    data_mining=False,
    c2pa_training=False,
)
_LOOPBACK = {"allow_addresses": ("127.0.0.0/8",), "ports": None, "retries": 0}
SIDES = {
    "nothing": DownloadSettings(opt_outs=_SILENT, **_LOOPBACK),
    "headers": DownloadSettings(**_LOOPBACK),
    "robots": DownloadSettings(robots_txt=True, **_LOOPBACK),
    "files": DownloadSettings(robots_txt=True, opt_outs=OptOutSettings(tdmrep_json=True, ai_txt=True), **_LOOPBACK),
}


def run() -> Outcome:
    """Measures every side at both numbers of URLs a host, the sides in turn."""
    figures = {}
    for urls_per_host in (100, 2.2):
        found: dict[str, list[tuple[float, float, int]]] = {side: [] for side in SIDES}
        with _web() as web:
            for _ in range(_ROUNDS):
                for side, settings in SIDES.items():
                    found[side].append(_measure(web, settings, urls_per_host))
        for side in list(SIDES)[1:]:
            for what, unit, index in (("time", "s", 0), ("cpu", "s", 1), ("requests", "requests", 2)):
                ours, peer = ([float(one[index]) for one in found[name]] for name in (side, "nothing"))
                goal = "<= 1.03" if what != "requests" and (side == "headers" or urls_per_host == 100) else None
                figures[f"{side}, {urls_per_host:g} URLs a host: {what}"] = Figure(
                    unit, statistics.median(ours), statistics.median(peer), median_ratio(ours, peer), goal
                )
    xmp = b"<x:xmpmeta>" + b"<rdf:li>a word</rdf:li>" * 500 + b"</x:xmpmeta>"
    started = time.process_time()
    for _ in range(10_000):
        prohibited_data_mining([xmp])
    figures["metadata of an image"] = Figure("us", (time.process_time() - started) * 100)
    return Outcome("opt_outs", f"{_URLS} URLs of {len(_BODY)} bytes, {_LATENCY_S:g} s before each answer", figures)


def _measure(web: _Web, settings: DownloadSettings, urls_per_host: float) -> tuple[float, float, int]:
    """(seconds, CPU seconds without the server's, requests) of fetching all URLs."""
    hosts = round(_URLS / urls_per_host)
    addresses = [f"127.{1 + host // 250}.0.{1 + host % 250}" for host in range(hosts)]
    urls = [f"http://{addresses[number % hosts]}:{web.port}/photo/{number}.jpg" for number in range(_URLS)]

    async def fetch_all() -> int:
        waiting = iter(urls)
        async with ImageClient(settings) as client:

            async def take() -> int:
                return sum([(await client.fetch(url)).body is not None for url in waiting])

            return sum(await asyncio.gather(*(take() for _ in range(settings.thread_count))))

    before = web.cpu_seconds(), web.requests
    started, cpu = time.perf_counter(), time.process_time()
    fetched = asyncio.run(fetch_all())
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    assert fetched == _URLS, f"{fetched} of {_URLS} fetched"
    return seconds, cpu - (web.cpu_seconds() - before[0]), web.requests - before[1]


class _Web:
    def __init__(self) -> None:
        self.requests, self.port = 0, 0
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def cpu_seconds(self) -> float:
        async def thread_time() -> float:
            return time.thread_time()

        return asyncio.run_coroutine_threadsafe(thread_time(), self.loop).result()

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "0.0.0.0", 0, backlog=4096)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                path = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1]
                self.requests += 1
                await asyncio.sleep(_LATENCY_S)
                writer.write(_answer(path))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def _answer(path: bytes) -> bytes:
    if path.startswith(b"/photo/"):
        return f"HTTP/1.1 200 OK\r\n{_HEADERS}Content-Length: {len(_BODY)}\r\n\r\n".encode() + _BODY
    body = {b"/robots.txt": _ROBOTS.encode(), b"/.well-known/tdmrep.json": _TDMREP}.get(path)
    if body is None:
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@contextmanager
def _web() -> Iterator[_Web]:
    web = _Web()
    server = asyncio.run_coroutine_threadsafe(web.start(), web.loop).result()
    try:
        yield web
    finally:
        web.loop.call_soon_threadsafe(server.close)
        web.loop.call_soon_threadsafe(web.loop.stop)
