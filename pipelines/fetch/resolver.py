"""Name resolution that lets only checked addresses through, so that a name cannot change between check and use."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from babelsift.pipelines.fetch.address import AddressPolicy
from babelsift.pipelines.fetch.failure import FetchFailureError
from babelsift.schemas import RejectReason

_FAILED_S, _FAILED_NAMES = 60.0, 100_000
Lookup = Callable[[str], Awaitable[Sequence[str]]]


class SystemLookup:
    """Looks names up with the system's resolver, many at once; `asyncio`'s own executor has too few threads."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="lookup")

    async def __call__(self, host: str) -> list[str]:
        """Returns the host's addresses as text, in the order in which they are to be tried."""
        loop = asyncio.get_running_loop()
        answers = await loop.run_in_executor(self._threads, _getaddrinfo, host)
        return list(dict.fromkeys(str(info[4][0]) for info in answers))

    def close(self) -> None:
        """Lets go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class CheckedResolver(AbstractResolver):
    """Resolves a name to the addresses that the policy lets be reached; aiohttp connects to these and no others."""

    def __init__(self, policy: AddressPolicy, lookup: Lookup, *, timeout_s: float) -> None:
        self._policy = policy
        self._lookup = lookup
        self._timeout_s = timeout_s
        self._failed: dict[str, tuple[float, str]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Returns the checked addresses.

        One refused address refuses the name: a public host has no reason to list a private one.

        Raises:
            FetchFailureError: DNS_FAILURE, ADDRESS_REFUSED or TIMEOUT.
        """
        until, text = self._failed.get(host, (0.0, ""))
        if time.monotonic() < until:
            raise FetchFailureError(RejectReason.DNS_FAILURE, text)
        try:
            addresses = await asyncio.wait_for(self._lookup(host), self._timeout_s)
        except asyncio.TimeoutError:
            raise FetchFailureError(RejectReason.TIMEOUT, f"name lookup, {self._timeout_s:g} s", retry=True) from None
        except (socket.gaierror, UnicodeError) as error:
            text = getattr(error, "strerror", None) or str(error)
            self._remember(host, text)
            raise FetchFailureError(RejectReason.DNS_FAILURE, text) from error
        if not addresses:
            raise FetchFailureError(RejectReason.DNS_FAILURE, "name has no address")
        for address in addresses:
            self._policy.check_address(address.partition("%")[0])
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    def _remember(self, host: str, text: str) -> None:
        """Dead hosts have many URLs; aiohttp's cache holds names that were found only."""
        if len(self._failed) >= _FAILED_NAMES:
            self._failed.clear()
        self._failed[host] = (time.monotonic() + _FAILED_S, text)

    async def close(self) -> None:
        """Nothing to let go of: whoever made the lookup closes it."""


def _getaddrinfo(host: str) -> list[tuple[Any, ...]]:
    return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
