"""Name resolution that lets only checked addresses through, so that a name cannot change between check and use.

Each name is asked for once for as long as its answer holds, however many of its URLs are under way.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from babelsift.pipelines.fetch.failure import FetchFailureError
from babelsift.pipelines.fetch.resolving.address import AddressPolicy
from babelsift.schemas import RejectReason

_FAILED_S = 60.0
_UNSAID_S = 300.0  # where a look-up does not say how long its answer holds
_LEAST_S, _MOST_S = 1.0, 3600.0
_STALE_S = 86_400.0  # an older answer is better than none while no name server answers (RFC 8767)
_NAMES = 100_000


class Addresses(list[str]):
    """Addresses of a host, and how long they hold.

    Attributes:
        ttl_s: seconds; None: the look-up does not say.
    """

    def __init__(self, addresses: Iterable[str], *, ttl_s: float | None = None) -> None:
        super().__init__(addresses)
        self.ttl_s = ttl_s


Lookup = Callable[[str], Awaitable[Sequence[str]]]


class SystemLookup:
    """Looks names up with the system's resolver, many at once; `asyncio`'s own executor has too few threads."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="lookup")

    async def __call__(self, host: str) -> Addresses:
        """Returns the host's addresses as text, in the order in which they are to be tried."""
        loop = asyncio.get_running_loop()
        answers = await loop.run_in_executor(self._threads, _getaddrinfo, host)
        return Addresses(dict.fromkeys(str(info[4][0]) for info in answers))

    async def close(self) -> None:
        """Lets go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True)
class _Answer:
    """What is known of a name, and until when; without a failure there are addresses."""

    until: float
    addresses: tuple[str, ...] = ()
    failure: str | None = None


class CheckedResolver(AbstractResolver):
    """Resolves a name to the addresses that the policy lets be reached; aiohttp connects to these and no others.

    Args:
        policy: which addresses are allowed.
        lookup: name -> addresses.
        timeout_s: of one look-up.
        clock: seconds since any moment.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        lookup: Lookup,
        *,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._lookup = lookup
        self._timeout_s = timeout_s
        self._clock = clock
        self._answers: OrderedDict[str, _Answer] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[_Answer]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Returns the checked addresses.

        One refused address refuses the name: a public host has no reason to list a private one.

        Raises:
            FetchFailureError: DNS_FAILURE, ADDRESS_REFUSED or TIMEOUT.
        """
        answer = self._answers.get(host)
        if answer is None or self._clock() >= answer.until:
            answer = await self._ask(host)
        if answer.failure is not None:
            raise FetchFailureError(RejectReason.DNS_FAILURE, answer.failure)
        for address in answer.addresses:
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
            for address in answer.addresses
        ]

    async def _ask(self, host: str) -> _Answer:
        """Asks once for all that want to know; whoever asked first may give up, and the others still hear."""
        if (task := self._under_way.get(host)) is None:
            task = self._under_way[host] = asyncio.ensure_future(self._asked(host))
            task.add_done_callback(lambda done: self._heard(host, done))
        return await asyncio.shield(task)

    def _heard(self, host: str, task: asyncio.Task[_Answer]) -> None:
        del self._under_way[host]
        if task.cancelled() or task.exception() is not None:
            return
        self._answers[host] = task.result()
        self._answers.move_to_end(host)
        if len(self._answers) > _NAMES:
            self._answers.popitem(last=False)

    async def _asked(self, host: str) -> _Answer:
        try:
            addresses = await asyncio.wait_for(self._lookup(host), self._timeout_s)
        except asyncio.TimeoutError:
            failure = FetchFailureError(RejectReason.TIMEOUT, f"name lookup, {self._timeout_s:g} s", retry=True)
            return self._stale_or_fail(host, failure)
        except (socket.gaierror, UnicodeError) as error:
            text = getattr(error, "strerror", None) or str(error)
            if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
                return self._stale_or_fail(host, FetchFailureError(RejectReason.DNS_FAILURE, text, retry=True))
            return _Answer(self._clock() + _FAILED_S, failure=text)
        if not addresses:
            return _Answer(self._clock() + _FAILED_S, failure="name has no address")
        ttl_s = addresses.ttl_s if isinstance(addresses, Addresses) else None
        holds_s = _UNSAID_S if ttl_s is None else min(max(ttl_s, _LEAST_S), _MOST_S)
        return _Answer(self._clock() + holds_s, tuple(addresses))

    def _stale_or_fail(self, host: str, failure: FetchFailureError) -> _Answer:
        """Returns an answer that held until not long ago; a failure to ask is no answer, and not remembered."""
        last = self._answers.get(host)
        if last is None or last.failure is not None or self._clock() >= last.until + _STALE_S:
            raise failure
        return last

    async def close(self) -> None:
        """Ends look-ups that are under way; whoever made `lookup` closes it."""
        for task in list(self._under_way.values()):
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)


def _getaddrinfo(host: str) -> list[tuple[Any, ...]]:
    return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
