"""Serves the demo's web on the loopback interface, from a process of its own.

The process, `babelsift demo-web`, prints its port and ends when its standard input is closed, so also when the process
that started it dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

from aiohttp import web

import babelsift
from babelsift.pipelines.demo.web import CONTENT_TYPES, Answer, DemoWeb, Resource
from babelsift.schemas import InputError

HANG_S = 60.0
_STOP_S = 10.0
_CACHED_IMAGES = 256  # about 16 MB; what is asked for twice is asked for soon after
_HTML = b"<!DOCTYPE html><html><head><title>Hotlinking</title></head><body>Please visit our site.</body></html>\n"


@contextlib.contextmanager
def serving(demo: DemoWeb, port: int = 0) -> Iterator[str]:
    """Serves the web while the context lasts; gives its base URL, such as http://127.0.0.1:40123.

    Args:
        port: to serve on where it is free; another one where it is not, or where it is 0.

    Raises:
        InputError: the server did not start.
    """
    command = [sys.executable, "-m", "babelsift", "demo-web"]
    command += ["--seed", str(demo.seed), "--pairs", str(len(demo.pairs)), "--port", str(port)]
    # `-m` looks in the working directory first: the folder that holds this very package, installed or not.
    folder = Path(babelsift.__path__[0]).resolve().parent
    # In a session of its own, so that Ctrl-C is for the run alone; the server ends when the run lets go of its stdin.
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: PT018
    try:
        taken = process.stdout.readline().strip()
        if not taken:
            code = process.wait(_STOP_S)
            raise InputError(
                f"the demo's web server ended with status {code} before it served; try: {' '.join(command)}"
            )
        yield f"http://127.0.0.1:{int(taken)}"
    finally:
        process.stdin.close()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


class DemoServer:
    """Answers for every path of a DemoWeb as its resource says; 404 for any other."""

    def __init__(self, demo: DemoWeb) -> None:
        self._demo = demo
        self._pool = ThreadPoolExecutor(2)  # OpenCV lets go of the interpreter lock while it draws and encodes
        self._encode = lru_cache(_CACHED_IMAGES)(Resource.encode)
        self._failed_once: set[str] = set()

    def app(self) -> web.Application:
        """Returns the aiohttp application."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self.answer)
        return app

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answers one request."""
        resource = self._demo.resources.get(request.path)
        if resource is None or resource.answer is Answer.NOT_FOUND:
            return web.Response(status=404, body=_HTML, content_type="text/html")
        if resource.answer is Answer.SERVER_ERROR:
            return web.Response(status=500, text="internal error\n")
        if resource.answer is Answer.HTML:
            return web.Response(body=_HTML, content_type="image/jpeg")
        if resource.answer is Answer.IMAGE_AFTER_503 and request.path not in self._failed_once:
            self._failed_once.add(request.path)
            return web.Response(status=503, text="busy\n")
        if resource.answer is Answer.HANG:
            await asyncio.sleep(HANG_S)
        body = await asyncio.get_running_loop().run_in_executor(self._pool, self._encode, resource)
        return await self._send(request, resource, body)

    async def _send(self, request: web.Request, resource: Resource, body: bytes) -> web.StreamResponse:
        content_type = CONTENT_TYPES[resource.extension]
        half = body[: len(body) // 2]
        if resource.answer is Answer.HALF_IMAGE:
            return web.Response(body=half, content_type=content_type)
        if resource.answer is Answer.OPTED_OUT:
            return web.Response(body=body, content_type=content_type, headers={"X-Robots-Tag": "noai"})
        if resource.answer not in (Answer.HANG_IN_BODY, Answer.CLOSE_IN_BODY):
            return web.Response(body=body, content_type=content_type)
        response = web.StreamResponse(headers={"Content-Length": str(len(body)), "Content-Type": content_type})
        await response.prepare(request)
        await response.write(half)
        if resource.answer is Answer.HANG_IN_BODY:
            await asyncio.sleep(HANG_S)
        if request.transport is not None:
            request.transport.close()
        return response


async def serve(demo: DemoWeb, stop: asyncio.Event, port: int, announce: Callable[[int], None]) -> None:
    """Serves on a loopback port, which it announces, until `stop` is set; on any free one where `port` is taken."""
    # Cancelled handlers: a client that gives up on a hanging answer must not leave it behind.
    runner = web.AppRunner(DemoServer(demo).app(), access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
        except OSError:
            await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        announce(runner.addresses[0][1])
        await stop.wait()
    finally:
        await runner.cleanup()


async def serve_until_stdin_closes(demo: DemoWeb, port: int, announce: Callable[[int], None]) -> None:
    """Serves, as `serve` does, until this process's standard input is closed."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def wait_for_end() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait_for_end, daemon=True).start()
    await serve(demo, stop, port, announce)
