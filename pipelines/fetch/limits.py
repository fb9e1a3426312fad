"""Bounds on what is under way at once: requests a host, and the memory that bodies take."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from babelsift.pipelines.fetch.machine_turns import MachineTurns

_PACED_HOSTS = 10_000  # those whose turn has come are forgotten then
_SMALL_BODY_BYTES = 4 * 2**20
_LARGE_BODIES_BYTES = 2**30


class HostSlots:
    """A semaphore a host, there only while someone uses it."""

    def __init__(self, slots_per_host: int) -> None:
        self._slots_per_host = slots_per_host
        self._hosts: dict[str, tuple[asyncio.Semaphore, int]] = {}

    def __len__(self) -> int:
        return len(self._hosts)

    @contextlib.asynccontextmanager
    async def slot(self, host: str) -> AsyncIterator[None]:
        """Holds one of the host's slots, waiting for it first."""
        semaphore, users = self._hosts.get(host) or (asyncio.Semaphore(self._slots_per_host), 0)
        self._hosts[host] = (semaphore, users + 1)
        try:
            async with semaphore:
                yield
        finally:
            semaphore, users = self._hosts.pop(host)
            if users > 1:
                self._hosts[host] = (semaphore, users - 1)


class HostPace:
    """When each host may be asked next, so that its requests keep a distance from each other.

    Args:
        requests_per_s: of a host; None: no limit.
        machine: what other processes of this machine have asked for; None: nobody else asks.
    """

    def __init__(self, requests_per_s: float | None, machine: MachineTurns | None = None) -> None:
        self._apart_s = 1 / requests_per_s if requests_per_s else 0.0
        self._next: dict[str, float] = {}
        self._machine = machine

    def __len__(self) -> int:
        return len(self._next)

    async def turn(self, host: str) -> float:
        """Waits for the host's next turn; returns the seconds that this took."""
        if not self._apart_s:
            return 0.0
        now = time.monotonic()
        if len(self._next) >= _PACED_HOSTS:
            self._next = {name: at for name, at in self._next.items() if at > now}
        at = max(now, self._next.get(host, now))
        self._next[host] = at + self._apart_s
        await asyncio.sleep(at - now)
        waited_s = at - now
        while self._machine is not None and (wait_s := self._machine.take(host, self._apart_s)) > 0:
            await asyncio.sleep(wait_s)
            waited_s += wait_s
        return waited_s


class LargeBodies:
    """Bounds the memory of bodies in use: small ones by their number alone, large ones also by a number of places.

    A body takes its one place when it outgrows the small size, and waits for nothing after, so that bodies that grow
    at the same time cannot wait for each other.
    """

    def __init__(self, max_body_bytes: int) -> None:
        self._places = asyncio.Semaphore(max(2, _LARGE_BODIES_BYTES // max_body_bytes))

    class Holder:
        """One body's hold on a place, if it needs one."""

        def __init__(self, places: asyncio.Semaphore) -> None:
            self._places = places
            self._held = False

        async def grow_to(self, body_bytes: int) -> None:
            """Says how large the body is now; waits for a place where it is no longer small."""
            if body_bytes > _SMALL_BODY_BYTES and not self._held:
                await self._places.acquire()
                self._held = True

        def free(self) -> None:
            """Gives the place back."""
            if self._held:
                self._held = False
                self._places.release()

    @contextlib.asynccontextmanager
    async def holder(self) -> AsyncIterator[Holder]:
        """A hold for one body; its place is given back at the end."""
        holder = self.Holder(self._places)
        try:
            yield holder
        finally:
            holder.free()
