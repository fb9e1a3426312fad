"""Bounds on what is under way at once: requests a host, and the memory that bodies take."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

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
