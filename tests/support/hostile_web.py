"""A web server on loopback that does what the real web does: everything but what it should.

Raw sockets, since no framework would send half of this. `tests/conftest.py` makes it a fixture.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image

# Of DownloadSettings: what reaches this server, and asks it once.
LOOPBACK_ONLY = {"retries": 0, "ports": None, "allow_addresses": ("127.0.0.0/8",)}


@dataclass
class Request:
    """One request as received, and the way to answer it."""

    path: str
    headers: dict[str, str]
    number: int  # how many requests this path has had, from 1
    writer: asyncio.StreamWriter = field(repr=False)

    async def send(self, content: bytes) -> None:
        self.writer.write(content)
        await self.writer.drain()

    def reset(self) -> None:
        """Ends the connection with RST instead of FIN."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Handler = Callable[[Request], Awaitable[None]]


class HostileWeb:
    """Serves paths by handlers, in a thread of its own; counts requests.

    Args:
        tls: whether it has a certificate, which is signed by itself.
        host, years: that the certificate is for.
        context: another TLS context to serve by.
    """

    def __init__(
        self,
        *,
        tls: bool = False,
        host: str = "127.0.0.1",
        years: tuple[int, int] = (2020, 2120),
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls or context is not None
        self._context, self.certificate = _certified(host, years) if tls else (context, b"")
        self._handlers: dict[str, Handler] = {}
        self._fallback: Handler | None = None
        self.requests: Counter[str] = Counter()
        self.seen: list[Request] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> HostileWeb:
        self._thread.start()
        self._server = self._run(self._start())
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def url(self, path: str, *, host: str = "127.0.0.1") -> str:
        return f"http{'s' if self._tls else ''}://{host}:{self.port}{path}"

    def on(self, path: str, handler: Handler) -> str:
        """Has a handler answer a path; returns the path's URL."""
        self._handlers[path] = handler
        return self.url(path)

    def on_any(self, handler: Handler) -> None:
        """Has a handler answer every path that has none of its own."""
        self._fallback = handler

    @property
    def total_requests(self) -> int:
        return sum(self.requests.values())

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _start(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)

    async def _stop(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                path = head[0].split(" ")[1]
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
                self.requests[path] += 1
                request = Request(path, headers, self.requests[path], writer)
                self.seen.append(request)
                await (self._handlers.get(path) or self._fallback or answer(b"", status=404))(request)
                if writer.is_closing():
                    break
        writer.close()


def _certified(host: str, years: tuple[int, int]) -> tuple[ssl.SSLContext, bytes]:
    """A server's TLS context, and the certificate in it: made up by itself, so that it is for clients to trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"hostile web {host} {years}")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1)
    builder = builder.not_valid_before(datetime(years[0], 1, 1)).not_valid_after(datetime(years[1], 1, 1))
    try:
        called = x509.IPAddress(ip_address(host))
    except ValueError:
        called = x509.DNSName(host)
    certificate = builder.add_extension(x509.SubjectAlternativeName([called]), False).sign(key, hashes.SHA256())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        path = Path(folder, "server.pem")
        path.write_bytes(secret + public)
        context.load_cert_chain(path)
    return context, public


def head(status: int = 200, *lines: str, reason: str = "Whatever") -> bytes:
    """A response's head; lines are headers as they are to be sent."""
    return "\r\n".join([f"HTTP/1.1 {status} {reason}", *lines, "", ""]).encode("latin-1")


def answer(body: bytes, *lines: str, status: int = 200) -> Handler:
    """An honest answer."""

    async def handler(request: Request) -> None:
        await request.send(head(status, f"Content-Length: {len(body)}", *lines) + body)

    return handler


def raw(*chunks: bytes, close: bool = True) -> Handler:
    """Sends bytes as they are, then hangs up."""

    async def handler(request: Request) -> None:
        for chunk in chunks:
            await request.send(chunk)
        if close:
            request.writer.close()

    return handler


def late(first: bytes, second: bytes, *, apart_s: float) -> Handler:
    """Sends something, and something else a while after, then hangs up."""

    async def handler(request: Request) -> None:
        await request.send(first)
        await asyncio.sleep(apart_s)
        await request.send(second)
        request.writer.close()

    return handler


def in_turn(*handlers: Handler) -> Handler:
    """Another answer each time; the last one from then on."""

    async def handler(request: Request) -> None:
        await handlers[min(request.number, len(handlers)) - 1](request)

    return handler


def redirect(location: str, *, status: int = 302) -> Handler:
    return answer(b"moved", f"Location: {location}", status=status)


def silence() -> Handler:
    """Takes the request and never answers."""

    async def handler(request: Request) -> None:
        await asyncio.Event().wait()

    return handler


def drip(start: bytes, drop: bytes, *, every_s: float) -> Handler:
    """Sends a byte now and then, for ever: no single read takes long."""

    async def handler(request: Request) -> None:
        await request.send(start)
        while True:
            await request.send(drop)
            await asyncio.sleep(every_s)

    return handler


def endless(start: bytes, piece: bytes) -> Handler:
    """Sends the same piece for ever, as fast as it is taken."""

    async def handler(request: Request) -> None:
        await request.send(start)
        for _ in itertools.count():
            await request.send(piece)

    return handler


def reset_after(content: bytes) -> Handler:
    async def handler(request: Request) -> None:
        if content:
            await request.send(content)
            # the bytes must be on their way before the reset overtakes them
            await asyncio.sleep(0.05)
        request.reset()

    return handler


def photo(seed: int = 0, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A smooth, colourful picture, another one for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, file_format: str = "JPEG", **options: object) -> bytes:
    """The picture as a file."""
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()
