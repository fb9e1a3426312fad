"""A web of real photographs on loopback: any path is answered with one of a folder's, always the same one."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

from aiohttp import web

_CONTENT_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


@contextlib.contextmanager
def photo_web(photos: str) -> Iterator[str]:
    """Serves a folder's photographs, from a process of its own, while the context lasts; gives the base URL."""
    command = [sys.executable, "-m", "benchmarks.photo_web", photos]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


async def _serve(photos: str) -> None:
    images = [
        (file.read_bytes(), _CONTENT_TYPES[file.suffix.lower()])
        for file in sorted(Path(photos).iterdir())
        if file.suffix.lower() in _CONTENT_TYPES
    ]

    async def answer(request: web.Request) -> web.Response:
        body, content_type = images[zlib.crc32(request.rel_url.raw_path_qs.encode()) % len(images)]
        return web.Response(body=body, content_type=content_type)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
