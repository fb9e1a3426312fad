"""One URL fetched by a client that may ask loopback."""

from __future__ import annotations

import asyncio

from babelsift.pipelines.fetch import Fetched
from babelsift.pipelines.fetch.client import ImageClient
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings
from tests.support.hostile_web import LOOPBACK_ONLY, encoded, photo

BODY = encoded(photo(1, (64, 48)))
LIMIT = 100_000
# However busy the machine, who is meant to answer does within this; who is meant to be given up on is asked with less.
LOOPBACK = DownloadSettings(
    timeout_s=60.0,
    total_timeout_s=120.0,
    max_redirects=3,
    max_body_bytes=LIMIT,
    **LOOPBACK_ONLY,
)


def fetch(url: str, *, lookup=None, **changes: object) -> Fetched:
    settings = LOOPBACK.model_copy(update=changes)

    async def run() -> Fetched:
        async with ImageClient(settings, lookup=lookup, backoff_s=0.01) as client:
            return await client.fetch(url)

    return asyncio.run(run())


def outcome(fetched: Fetched) -> tuple[RejectReason | None, str]:
    assert (fetched.body is None) == (fetched.reason is not None)
    return fetched.reason, fetched.detail
