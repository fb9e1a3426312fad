"""Asking name servers for addresses, many names at once and without a thread each, with how long each answer holds.

c-ares reads what the system's resolver does: the hosts file, the name servers, search domains and options of
resolv.conf and of the environment. Other services that nsswitch.conf names it does not know; there, and where no name
server is to be reached, the system's own look-up has the last word.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from babelsift.pipelines.fetch.resolving.resolver import Addresses, SystemLookup
from babelsift.schemas.recipe import DownloadSettings

try:
    import aiodns
except ImportError:  # as in an environment that was made for an older version
    aiodns = None  # type: ignore[assignment]

_TIMEOUT_S, _TRIES = 2.0, 2  # of each server; the second time twice as long
_NO_SUCH_NAME = ("ARES_ENOTFOUND", "ARES_ENODATA", "ARES_EBADNAME")
_MOST_THREADS = 64
_KNOWN_SERVICES = frozenset(("files", "dns", "myhostname", "resolve"))  # the last asks whom resolv.conf names
_NSSWITCH = Path("/etc/nsswitch.conf")
_PUBLIC_IPV6 = ("2001:4860:4860::8888", 53)  # asked for a route alone: nothing is sent


def own_lookup(settings: DownloadSettings) -> DnsLookup | SystemLookup:
    """Returns what a client looks names up by; the system's own where c-ares is not installed."""
    if aiodns is None:
        return SystemLookup(min(_MOST_THREADS, settings.thread_count))
    return DnsLookup(settings.name_servers)


class DnsLookup:
    """Looks names up at the name servers; for use within one event loop.

    Args:
        servers: their addresses, with or without a port; none: the system's.
        threads: of the system's own look-up, where that is needed.
    """

    def __init__(self, servers: Sequence[str] = (), *, threads: int = 8) -> None:
        self._servers = list(servers)
        self._system = SystemLookup(threads)
        self._resolver: aiodns.DNSResolver | None = None

    async def __call__(self, host: str) -> Addresses:
        """Returns the host's addresses, in the order in which they are to be tried.

        Raises:
            socket.gaierror: there are none, or, with EAI_AGAIN, no server says.
        """
        family = socket.AF_UNSPEC if _has_ipv6() else socket.AF_INET
        try:
            if self._resolver is None:
                servers = self._servers or None
                self._resolver = aiodns.DNSResolver(nameservers=servers, timeout=_TIMEOUT_S, tries=_TRIES)
            answer = await self._resolver.getaddrinfo(host, family=family, type=socket.SOCK_STREAM)
        except aiodns.error.DNSError as error:
            return await self._of_the_system(host, error)
        addresses = dict.fromkeys(_text(node.addr[0]) for node in answer.nodes)
        return Addresses(addresses, ttl_s=min((node.ttl for node in answer.nodes), default=0))

    async def _of_the_system(self, host: str, error: aiodns.error.DNSError) -> Addresses:
        code, text = error.args[0], str(error.args[-1])
        is_missing = code in [getattr(aiodns.error, name) for name in _NO_SUCH_NAME]
        if not self._servers and (not is_missing or _has_other_services()):
            return await self._system(host)
        raise socket.gaierror(socket.EAI_NONAME if is_missing else socket.EAI_AGAIN, text) from error

    async def close(self) -> None:
        """Lets go of sockets and threads."""
        await self._system.close()
        if self._resolver is not None:
            await self._resolver.close()


def _text(address: str | bytes) -> str:
    return address.decode() if isinstance(address, bytes) else address


@cache
def _has_ipv6() -> bool:
    """Whether this machine has a way to IPv6 addresses: elsewhere nobody is asked for them."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect(_PUBLIC_IPV6)
    except OSError:
        return False
    return True


def names_other_services(nsswitch: str) -> bool:
    """Returns whether a system finds hosts by more than files and name servers.

    Args:
        nsswitch: content of nsswitch.conf.

    >>> names_other_services("hosts: files dns"), names_other_services("hosts: files mdns4 [NOTFOUND=return] dns")
    (False, True)
    """
    line = re.search(r"^\s*hosts:([^#\n]*)", nsswitch, re.MULTILINE)
    services = re.sub(r"\[[^\]]*\]", " ", line[1]).split() if line else []
    return not _KNOWN_SERVICES.issuperset(services)


@cache
def _has_other_services() -> bool:
    try:
        return names_other_services(_NSSWITCH.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return False
