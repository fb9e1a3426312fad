"""Which URLs may be handed to a downloader that checks no address: each URL's own rules, then its host's addresses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from babelsift.pipelines.fetch import AddressPolicy, FetchFailureError
from babelsift.pipelines.fetch.resolving.resolver import CheckedResolver, Lookup, SystemLookup
from babelsift.schemas.recipe import DownloadSettings

_HOSTS_TOGETHER = 2_000
_HOSTS_REMEMBERED = 200_000
_LOOKUPS_AT_ONCE = 64


@dataclass(frozen=True)
class CheckedUrl:
    """A URL as it is to be asked for, or why it is not.

    Attributes:
        requested: the URL, quoted; empty where it is refused.
        refusal: (reason, detail); None: it may be asked for.
    """

    requested: str = ""
    refusal: tuple[str, str] | None = None


class HostCheck:
    """Checks URLs as the client of ours does, each host once.

    Args:
        settings: which addresses and ports are allowed, and how long a lookup may take.
        lookup: name -> addresses; None: the system's.
    """

    def __init__(self, settings: DownloadSettings, lookup: Lookup | None = None) -> None:
        self._policy = AddressPolicy(settings.allow_addresses, settings.ports)
        self._timeout_s = settings.timeout_s
        self._lookup = lookup
        self._hosts: dict[str, tuple[str, str] | None] = {}

    def check(self, urls: Sequence[str]) -> list[CheckedUrl]:
        """Returns what each URL is to be asked as, or the reason and the detail of its refusal."""
        parsed = [self._parsed(url) for url in urls]
        hosts = dict.fromkeys(host for _, host in parsed if host is not None)
        if len(self._hosts) + len(hosts) > _HOSTS_REMEMBERED:
            self._hosts.clear()
        asyncio.run(self._look_up([host for host in hosts if host not in self._hosts]))
        return [url if host is None else self._of_host(url, host) for url, host in parsed]

    def _parsed(self, url: str) -> tuple[CheckedUrl, str | None]:
        try:
            checked = self._policy.check_url(url)
        except FetchFailureError as error:
            return CheckedUrl(refusal=(error.reason.value, error.detail)), None
        return CheckedUrl(str(checked)), checked.raw_host or ""

    def _of_host(self, url: CheckedUrl, host: str) -> CheckedUrl:
        refusal = self._hosts[host]
        return url if refusal is None else CheckedUrl(refusal=refusal)

    async def _look_up(self, hosts: Sequence[str]) -> None:
        if not hosts:
            return
        lookup = self._lookup or SystemLookup(_LOOKUPS_AT_ONCE)
        resolver = CheckedResolver(self._policy, lookup, timeout_s=self._timeout_s)
        at_once = asyncio.Semaphore(_LOOKUPS_AT_ONCE)
        try:
            for first in range(0, len(hosts), _HOSTS_TOGETHER):
                together = hosts[first : first + _HOSTS_TOGETHER]
                refusals = await asyncio.gather(*(_refusal(resolver, host, at_once) for host in together))
                self._hosts.update(zip(together, refusals, strict=True))
        finally:
            if isinstance(lookup, SystemLookup) and lookup is not self._lookup:
                await lookup.close()


async def _refusal(resolver: CheckedResolver, host: str, at_once: asyncio.Semaphore) -> tuple[str, str] | None:
    async with at_once:
        try:
            await resolver.resolve(host)
        except FetchFailureError as error:
            return error.reason.value, error.detail
    return None
