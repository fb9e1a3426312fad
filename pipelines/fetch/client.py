"""Fetching images from a hostile web: every URL ends, within bounds of time and memory, as a body or as a reason."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from types import TracebackType

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from babelsift.pipelines.fetch.body import BodyDecoder
from babelsift.pipelines.fetch.deadline import Deadline
from babelsift.pipelines.fetch.failure import FetchFailureError
from babelsift.pipelines.fetch.fetched import Fetched
from babelsift.pipelines.fetch.host_rules import MAX_FILE_BYTES, HostRules, asks_hosts
from babelsift.pipelines.fetch.limits import HostPace, HostSlots, LargeBodies
from babelsift.pipelines.fetch.machine_turns import machine_turns
from babelsift.pipelines.fetch.network_errors import failure_of
from babelsift.pipelines.fetch.opt_outs import OUR_TOKEN, headers_opt_out
from babelsift.pipelines.fetch.resolving.address import AddressPolicy
from babelsift.pipelines.fetch.resolving.dns_lookup import own_lookup
from babelsift.pipelines.fetch.resolving.resolver import CheckedResolver, Lookup
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NETWORK_ERRORS = (aiohttp.ClientError, HttpProcessingError, OSError, asyncio.TimeoutError)
_WORTH_ANOTHER_TRY = frozenset({408, 425, 429})
_MAX_LINE_BYTES, _MAX_FIELD_BYTES, _MAX_HEADERS = 16_384, 32_768, 256
_READ_BUFFER_BYTES = 2**20  # stopping for each 128 KiB of a large body costs a third
# JPEG first: what a server converts on the fly is worse than what it has.
_ACCEPT = "image/jpeg,image/png;q=0.9,image/webp;q=0.9,image/*;q=0.8,*/*;q=0.5"


def user_agent(settings: DownloadSettings) -> str:
    """Returns the user agent: img2dataset's browser string, then who we are and where to complain."""
    names = ["compatible", OUR_TOKEN]
    if settings.user_agent_token:
        names.append(settings.user_agent_token)
    if settings.contact:
        names.append(f"+{settings.contact}")
    text = f"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:72.0) Gecko/20100101 Firefox/72.0 ({'; '.join(names)})"
    return " ".join(text.split())


class ImageClient:
    """Fetches bodies of http and https URLs; an async context manager, for use within one event loop.

    Only addresses that the policy allows are connected to, at every hop. At most `thread_count` requests are under
    way at once and `connections_per_host` a host; a URL's clock (`total_timeout_s`) starts when its first request does.

    Args:
        settings: limits and manners.
        lookup: resolves host names to addresses; None: name servers do, the settings' or the system's.
        backoff_s: wait before the second attempt, doubled for each further one, jittered.
    """

    def __init__(self, settings: DownloadSettings, *, lookup: Lookup | None = None, backoff_s: float = 0.5) -> None:
        self._settings = settings
        self._policy = AddressPolicy(settings.allow_addresses, settings.ports)
        self._lookup = lookup
        self._backoff_s = backoff_s
        self._jitter = random.Random()

    async def __aenter__(self) -> ImageClient:
        settings = self._settings
        self._own_lookup = own_lookup(settings) if self._lookup is None else None
        lookup = self._own_lookup if self._lookup is None else self._lookup
        assert lookup is not None
        self._slots = asyncio.Semaphore(settings.thread_count)
        self._hosts = HostSlots(settings.connections_per_host)
        self._pace = HostPace(
            settings.requests_per_host_per_s, machine_turns() if settings.requests_per_host_per_s else None
        )
        self._host_rules = HostRules(self._get_host_file, settings) if asks_hosts(settings) else None
        self._large = LargeBodies(settings.max_body_bytes)
        self._resolver = resolver = CheckedResolver(self._policy, lookup, timeout_s=settings.timeout_s)
        connector = aiohttp.TCPConnector(
            resolver=resolver,
            limit=0,
            limit_per_host=settings.connections_per_host,
            ssl=settings.verify_tls,
            use_dns_cache=False,  # which knows no answer's time to live; the resolver has one
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": user_agent(settings), "Accept": _ACCEPT, "Accept-Encoding": "identity"},
            max_field_size=_MAX_FIELD_BYTES,
            max_line_size=_MAX_LINE_BYTES,
            max_headers=_MAX_HEADERS,
            requote_redirect_url=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.timeout_s, sock_read=settings.timeout_s),
            trust_env=False,
            read_bufsize=_READ_BUFFER_BYTES,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._host_rules is not None:
            self._host_rules.close()
        await self._session.close()
        await self._resolver.close()
        if self._own_lookup is not None:
            await self._own_lookup.close()

    async def fetch(self, url: str) -> Fetched:
        """Returns the body of a URL or the reason why there is none; raises for no URL."""
        async with self.fetching(url) as fetched:
            return fetched

    @contextlib.asynccontextmanager
    async def fetching(self, url: str) -> AsyncIterator[Fetched]:
        """As `fetch`, for as long as the body is in use: bodies in use count against the bound on memory."""
        async with self._large.holder() as holder:
            yield await self._fetch(url, holder)

    async def _fetch(self, url: str, holder: LargeBodies.Holder) -> Fetched:
        attempts, started = 0, time.monotonic()
        try:
            target = self._policy.check_url(url)
            async with self._hosts.slot(target.raw_host or ""):
                started = time.monotonic()
                while True:
                    started += await self._pace.turn(target.raw_host or "")  # waiting for a turn is not the URL's time
                    attempts += 1
                    try:
                        fetched = await self._attempt_in_time(target, holder, started)
                        return replace(fetched, attempts=attempts, seconds=time.monotonic() - started)
                    except FetchFailureError as failure:
                        await self._back_off(failure, attempts, started)
        except FetchFailureError as failure:
            return Fetched(
                None, failure.reason, failure.detail, failure.http_status, attempts, time.monotonic() - started
            )

    async def _attempt_in_time(self, target: URL, holder: LargeBodies.Holder, started: float) -> Fetched:
        total_s = self._settings.total_timeout_s
        async with self._slots:
            holder.free()
            left_s = total_s - (time.monotonic() - started)
            try:
                with Deadline(left_s) as deadline:
                    return await self._attempt(target, holder, deadline)
            except asyncio.TimeoutError:
                raise FetchFailureError(RejectReason.TIMEOUT, f"total, {total_s:g} s") from None

    async def _back_off(self, failure: FetchFailureError, attempts: int, started: float) -> None:
        """Waits before the next attempt; raises the failure where there is to be none."""
        wait_s = self._backoff_s * 2 ** (attempts - 1) * (0.5 + self._jitter.random())
        wait_s = max(wait_s, failure.retry_after_s)
        in_time = time.monotonic() - started + wait_s < self._settings.total_timeout_s
        if not failure.retry or attempts > self._settings.retries or not in_time:
            raise failure
        await asyncio.sleep(wait_s)

    async def _attempt(self, target: URL, holder: LargeBodies.Holder, deadline: Deadline) -> Fetched:
        try:
            async with self._last_response(target, self._host_rules, deadline) as response:
                return await self._read(response, holder)
        except FetchFailureError:
            raise
        except (*_NETWORK_ERRORS, ValueError) as error:
            raise failure_of(error, timeout_s=self._settings.timeout_s) from error

    @contextlib.asynccontextmanager
    async def _last_response(
        self, target: URL, host_rules: HostRules | None, deadline: Deadline | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Follows redirects to the response that is none; each hop is checked anew, and waits for its host's turn."""
        for hop in range(self._settings.max_redirects + 1):
            if hop:
                with contextlib.nullcontext() if deadline is None else deadline.paused():
                    await self._pace.turn(target.raw_host or "")
            if host_rules is not None:
                await host_rules.check(target)
            async with self._session.get(target, allow_redirects=False) as response:
                location = response.headers.get("Location") if response.status in _REDIRECTS else None
                if location is None:
                    yield response
                    return
                target = self._policy.check_redirect(target, location)
        raise FetchFailureError(RejectReason.TOO_MANY_REDIRECTS, f"more than {self._settings.max_redirects}")

    async def _get_host_file(self, url: URL, retries: int) -> tuple[int, bytes]:
        for attempt in itertools.count(1):
            await self._pace.turn(url.raw_host or "")
            try:
                return await asyncio.wait_for(self._read_host_file(url), self._settings.timeout_s)
            except (*_NETWORK_ERRORS, ValueError, FetchFailureError) as error:
                failure = failure_of(error, timeout_s=self._settings.timeout_s)
                if not failure.retry or attempt > retries:
                    raise failure from error
                await asyncio.sleep(self._backoff_s * 2 ** (attempt - 1))
        raise AssertionError("the loop ends by return or raise")

    async def _read_host_file(self, url: URL) -> tuple[int, bytes]:
        async with self._last_response(url, None) as response:
            decoder = BodyDecoder(response.headers.get("Content-Encoding"), max_bytes=self._settings.max_body_bytes)
            while len(decoder) < MAX_FILE_BYTES and (chunk := await self._next_chunk(response)):
                decoder.feed(chunk)
            return response.status, decoder.begin(MAX_FILE_BYTES)

    async def _read(self, response: aiohttp.ClientResponse, holder: LargeBodies.Holder) -> Fetched:
        settings, status = self._settings, response.status
        if not 200 <= status < 300:
            raise _status_failure(response)
        if (opt_out := headers_opt_out(lambda name: response.headers.getall(name, ()), settings)) is not None:
            raise FetchFailureError(*opt_out, http_status=status)
        declared = response.content_length
        if declared is not None and declared > settings.max_body_bytes:
            raise FetchFailureError(RejectReason.BODY_TOO_LARGE, f"{declared} bytes announced", http_status=status)
        decoder = BodyDecoder(response.headers.get("Content-Encoding"), max_bytes=settings.max_body_bytes)
        try:
            while chunk := await self._next_chunk(response):
                decoder.feed(chunk)
                await holder.grow_to(len(decoder))
            body = decoder.finish()
        except (FetchFailureError, *_NETWORK_ERRORS) as error:
            failure = failure_of(error, timeout_s=settings.timeout_s)
            failure.http_status = status
            raise failure from error
        if not body:
            raise FetchFailureError(RejectReason.EMPTY_BODY, "0 bytes", http_status=status)
        return Fetched(body, http_status=status)

    async def _next_chunk(self, response: aiohttp.ClientResponse) -> bytes:
        """Returns what comes next of a body, nothing at its end.

        aiohttp keeps a parser's error from whoever waits for the body, and its own limit does not fire then either.
        """
        # Waiting in time takes a timer of its own, which what is here already needs not.
        if (chunk := response.content.read_nowait()) or response.content.at_eof():
            return chunk
        try:
            with Deadline(self._settings.timeout_s):
                return await response.content.readany()
        except asyncio.TimeoutError as timeout:
            protocol = response.connection.protocol if response.connection else None
            parser_error = protocol.exception() if protocol is not None else None
            raise parser_error or timeout from timeout


def _status_failure(response: aiohttp.ClientResponse) -> FetchFailureError:
    status = response.status
    return FetchFailureError(
        RejectReason.HTTP_STATUS,
        str(status),
        retry=status in _WORTH_ANOTHER_TRY or status >= 500,
        retry_after_s=_retry_after(response.headers.get("Retry-After")),
        http_status=status,
    )


def _retry_after(value: str | None) -> float:
    """Seconds to wait by a Retry-After header, as a number or a date; 0 where it says nothing that makes sense."""
    if not value:
        return 0.0
    if value.strip().isdecimal():
        return float(value.strip()[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0
