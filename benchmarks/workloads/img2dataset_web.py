"""A small web for `benchmarks.img2dataset_contract`, with what a downloader meets, and the list of its URLs."""

from __future__ import annotations

import asyncio
import hashlib
import io
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
from aiohttp import web
from PIL import Image


def _photo(seed: int, size: tuple[int, int], kind: str = "JPEG", **options: Any) -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    if kind == "PNG":
        image.putalpha(128 + seed)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0131] = "Canon", "EOS 5D", "a program"
    return exif


_BODIES = {
    "photo.jpg": _photo(1, (320, 240), quality=95),
    "tall.jpg": _photo(2, (150, 301), quality=95),
    "exif.jpg": _photo(3, (200, 200), quality=95, exif=_exif()),
    "small.jpg": _photo(4, (30, 22), quality=95),
    "alpha.png": _photo(5, (120, 90), "PNG"),
    "some.webp": _photo(6, (130, 170), "WEBP", quality=95),
    "tiny.jpg": _photo(7, (16, 40), quality=95),
    "huge.jpg": _photo(8, (1000, 700), quality=90),
    "long.jpg": _photo(9, (400, 100), quality=95),
    "html.jpg": b"<html><body>soft 404</body></html>",
    "cut.jpg": _photo(10, (320, 240), quality=95)[:700],
    "other.jpg": _photo(11, (320, 240), quality=95),
}
_HEADERS = {
    "optout.jpg": "noai",
    "optout-us.jpg": "mybot: noimageai",
    "optout-them.jpg": "otherbot: noai",
    "optout-index.jpg": "nofollow, NoIndex",
}
_STATUSES = (400, 403, 404, 410, 429, 500, 503)


@contextmanager
def contract_web() -> Iterator[tuple[str, Counter[str]]]:
    """Serves it on loopback; gives its base URL, and how often each path was asked for."""
    requests: Counter[str] = Counter()

    async def answer(request: web.Request) -> web.StreamResponse:
        name = request.path.lstrip("/")
        requests[name] += 1
        if name in _HEADERS:
            return web.Response(body=_BODIES["photo.jpg"], headers={"X-Robots-Tag": _HEADERS[name]})
        if name.startswith("status/"):
            return web.Response(status=int(name.partition("/")[2]))
        if name == "moved":
            return web.Response(status=301, headers={"Location": "/photo.jpg"})
        if name == "loop":
            return web.Response(status=302, headers={"Location": "/loop"})
        if name == "silent":
            await asyncio.sleep(5)
            return web.Response(status=504)
        return web.Response(body=_BODIES[name])

    started, ended = threading.Event(), threading.Event()
    address: list[str] = []

    async def serve() -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        started.set()
        await asyncio.get_running_loop().run_in_executor(None, ended.wait)
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    started.wait()
    yield address[0], requests
    ended.set()
    thread.join()


def contract_table(base: str) -> pa.Table:
    """Returns a list of all that is served under the base URL, and of two addresses where nothing is."""
    paths = [*_BODIES, *_HEADERS, *(f"status/{status}" for status in _STATUSES), "moved", "loop", "silent"]
    urls = [*(f"{base}/{path}" for path in paths), "http://nowhere.invalid/a.jpg", "http://127.0.0.1:9/a.jpg"]
    digests = [hashlib.md5(_BODIES.get(path, _BODIES["photo.jpg"])).hexdigest() for path in paths]
    digests[paths.index("other.jpg")] = "0" * 32
    boxes = [[[0.1, 0.2, 0.5, 0.6]], [], [[0.5, 0.5, 1.0, 1.1], [0.0, 0.0, 0.2, 0.1]]]
    return pa.table(
        {
            "url": urls,
            "caption": [f"caption {n}, légende" for n in range(len(urls))],
            "digest": [*digests, "0" * 32, None],
            "boxes": [boxes[n % len(boxes)] for n in range(len(urls))],
            "PUNSAFE": [n / 7 for n in range(len(urls))],
        }
    )
