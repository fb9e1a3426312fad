"""robots.txt, asked once a host and heeded as RFC 9309 says."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from protego import Protego
from yarl import URL

from babelsift.pipelines.fetch.failure import FetchFailureError
from babelsift.schemas import RejectReason

MAX_ROBOTS_BYTES = 512_000  # RFC 9309 wants at least 500 KiB to be parsed
_HOSTS = 10_000

# (HTTP status, body as far as MAX_ROBOTS_BYTES) of a URL, redirects followed; raises FetchFailureError.
GetRobots = Callable[[URL], Awaitable[tuple[int, bytes]]]
_Verdict = Protego | FetchFailureError | None


class RobotsRules:
    """What robots.txt says to us, host by host; for use within one event loop.

    A host's file is asked for once in the life of this object, by whoever comes first, while the others wait.

    Args:
        get: fetches a robots.txt.
        user_agent_token: the name by which its groups mean us.
    """

    def __init__(self, get: GetRobots, *, user_agent_token: str) -> None:
        self._get = get
        self._token = user_agent_token
        self._hosts: OrderedDict[str, asyncio.Task[_Verdict]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._hosts)

    async def check(self, url: URL) -> None:
        """Returns where the URL may be fetched.

        Raises:
            FetchFailureError: ROBOTS_DISALLOWED where the host's rules or its server's errors forbid it; the reason why
                its robots.txt cannot be had, where the host does not answer at all.
        """
        origin = str(url.origin())
        task = self._hosts.get(origin)
        if task is None:
            task = self._hosts[origin] = asyncio.ensure_future(self._rules(url.origin()))
            while len(self._hosts) > _HOSTS and next(iter(self._hosts.values())).done():
                self._hosts.popitem(last=False)
        verdict = await asyncio.shield(task)  # who waits may give up; the others still want to know
        if isinstance(verdict, FetchFailureError):
            raise FetchFailureError(verdict.reason, verdict.detail)
        if verdict is not None and not verdict.can_fetch(str(url), self._token):
            raise FetchFailureError(RejectReason.ROBOTS_DISALLOWED, f"robots.txt of {url.host}")

    def close(self) -> None:
        """Ends what is under way."""
        for task in self._hosts.values():
            task.cancel()

    async def _rules(self, origin: URL) -> _Verdict:
        """The host's rules; None where there are none, which allows everything."""
        try:
            status, body = await self._get(origin / "robots.txt")
        except FetchFailureError as failure:
            if failure.reason is RejectReason.TOO_MANY_REDIRECTS:
                return None  # the file is "unavailable": everything is allowed
            return FetchFailureError(failure.reason, f"robots.txt: {failure.detail}")
        if status >= 500:
            return FetchFailureError(RejectReason.ROBOTS_DISALLOWED, f"robots.txt answered {status}")
        if not 200 <= status < 300:
            return None
        return Protego.parse(body.decode("utf-8", errors="replace"))
