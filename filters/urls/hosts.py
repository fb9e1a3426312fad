"""Hosts and public suffixes by list: a host is looked up label by label, however long the list is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache, lru_cache
from ipaddress import AddressValueError, IPv6Address

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tldextract

from babelsift.filters.urls.rules import host_name, url_hosts

_PLAIN_NAME = r"^[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?)*$"


def parse_hosts(entries: Collection[str]) -> frozenset[str]:
    """Returns host names as they are looked up: lower case, IDNA-encoded, without `*.` before or a dot after them.

    Args:
        entries: as users write them.

    Raises:
        ValueError: an entry that is no host name.
    """
    names = pa.array(list(entries), pa.large_string())
    plain = pc.match_substring_regex(names, _PLAIN_NAME).to_numpy(zero_copy_only=False) if len(names) else []
    return frozenset(
        name if is_plain else _parsed(name) for name, is_plain in zip(names.to_pylist(), plain, strict=True)
    )


def is_not_on_blocked_host(urls: pa.Array, *, blocked_hosts: Collection[str]) -> pa.BooleanArray:
    """Keeps URLs whose host is neither one of `blocked_hosts` nor below one: `example.com` blocks `www.example.com`.

    Args:
        urls: string[n], nullable.
        blocked_hosts: host names in any case, international ones as written or encoded; a frozenset is taken as
            `parse_hosts` returned it.

    Returns:
        bool[n], no nulls; null URLs and URLs without a host are not kept.

    Raises:
        ValueError: a blocked host that is no host name.

    >>> urls = pa.array(["http://www.example.com/a.jpg", "http://example.org/a.jpg", None])
    >>> is_not_on_blocked_host(urls, blocked_hosts=["example.com"]).to_pylist()
    [False, True, False]
    """
    blocked = _as_hosts(blocked_hosts)
    return _by_host(url_hosts(urls), lambda host: not _is_below(host, blocked))


def is_on_allowed_host(urls: pa.Array, *, allowed_hosts: Collection[str]) -> pa.BooleanArray:
    """Keeps URLs whose host is one of `allowed_hosts` or below one; see `is_not_on_blocked_host`.

    Args:
        urls: string[n], nullable.
        allowed_hosts: host names; a `*.` before them changes nothing.

    Returns:
        bool[n], no nulls; a null URL is not kept.

    >>> urls = pa.array(["http://www.example.com/a.jpg", "http://example.org/a.jpg", None])
    >>> is_on_allowed_host(urls, allowed_hosts=["example.com"]).to_pylist()
    [True, False, False]
    """
    allowed = _as_hosts(allowed_hosts)
    return _by_host(url_hosts(urls), lambda host: _is_below(host, allowed))


def url_suffixes(urls: pa.Array) -> pa.LargeStringArray:
    """Returns the public suffix of each URL's host ("com", "co.uk"), by the list that ships with tldextract.

    Suffixes are those that registries run (ICANN's part of the Public Suffix List), not those of companies (github.io).

    Args:
        urls: string[n], nullable.

    Returns:
        large_string[n]; null where there is no host, or none with a suffix (IPs).

    >>> url_suffixes(pa.array(["http://www.example.co.uk/a.jpg", "http://192.0.2.7/a.jpg", None])).to_pylist()
    ['co.uk', None, None]
    """
    encoded = pc.dictionary_encode(url_hosts(urls))
    suffixes = [public_suffix(host) for host in encoded.dictionary.to_pylist()]
    return pa.array(suffixes, pa.large_string()).take(encoded.indices)


def registered_domains(urls: pa.Array) -> pa.LargeStringArray:
    """Returns the domain that each URL's host was registered as (`example.co.uk` for `img.example.co.uk`).

    Args:
        urls: string[n], nullable.

    Returns:
        large_string[n]; the host itself where it has no public suffix (IPs) or is one; null where there is no host.

    >>> registered_domains(pa.array(["http://img.example.co.uk/a.jpg", "http://192.0.2.7/a.jpg", None])).to_pylist()
    ['example.co.uk', '192.0.2.7', None]
    """
    encoded = pc.dictionary_encode(url_hosts(urls))
    domains = [_registered_domain(host) for host in encoded.dictionary.to_pylist()]
    return pa.array(domains, pa.large_string()).take(encoded.indices)


def is_not_on_blocked_suffix(urls: pa.Array, *, blocked_suffixes: Collection[str]) -> pa.BooleanArray:
    """Keeps URLs whose host's public suffix is neither one of the suffixes nor below one: `uk` blocks `co.uk`.

    Args:
        urls: string[n], nullable.
        blocked_suffixes: such as com, .uk, рф; as `is_not_on_blocked_host` takes hosts.

    Returns:
        bool[n], no nulls; null URLs and URLs without a host are not kept; a host without a suffix is.

    >>> urls = pa.array(["http://example.co.uk/a.jpg", "http://example.com/a.jpg", None])
    >>> is_not_on_blocked_suffix(urls, blocked_suffixes=["uk"]).to_pylist()
    [False, True, False]
    """
    blocked = _as_hosts(blocked_suffixes)
    return _by_host(url_hosts(urls), lambda host: not _is_below(public_suffix(host) or "", blocked))


def is_on_allowed_suffix(urls: pa.Array, *, allowed_suffixes: Collection[str]) -> pa.BooleanArray:
    """Keeps URLs whose host's public suffix is one of the suffixes or below one; a host without a suffix is not kept.

    Args:
        urls: string[n], nullable.
        allowed_suffixes: as for `is_not_on_blocked_suffix`.

    Returns:
        bool[n], no nulls.

    >>> urls = pa.array(["http://example.co.uk/a.jpg", "http://example.com/a.jpg", None])
    >>> is_on_allowed_suffix(urls, allowed_suffixes=["uk"]).to_pylist()
    [True, False, False]
    """
    allowed = _as_hosts(allowed_suffixes)
    return _by_host(url_hosts(urls), lambda host: _is_below(public_suffix(host) or "", allowed))


def is_public_suffix(name: str) -> bool:
    """Returns whether a host can have this public suffix or one below it, by the list that ships with tldextract.

    Args:
        name: lower case, IDNA-encoded.

    >>> is_public_suffix("co.uk"), is_public_suffix("example.com")
    (True, False)
    """
    return _is_below(public_suffix(f"www.{name}") or "", frozenset({name}))


def public_suffix(host: str) -> str | None:
    """Returns the public suffix of a host name as `url_hosts` gives it; None where it has none.

    Args:
        host: lower case, IDNA-encoded.
    """
    return _extractor()(host).suffix or None


@lru_cache(maxsize=1 << 17)
def _registered_domain(host: str) -> str:
    name = _extractor()(host)
    return f"{name.domain}.{name.suffix}" if name.domain and name.suffix else host


@cache
def _extractor() -> tldextract.TLDExtract:
    # The list that ships with the package: a pair's fate must not depend on the network or on a cache.
    return tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


def _by_host(hosts: pa.LargeStringArray, keeps: Callable[[str], bool]) -> pa.BooleanArray:
    encoded = pc.dictionary_encode(hosts)
    answers = np.array([keeps(host) for host in encoded.dictionary.to_pylist()] + [False])
    return pa.array(answers[pc.fill_null(encoded.indices, len(answers) - 1).to_numpy(zero_copy_only=False)])


def _as_hosts(hosts: Collection[str]) -> frozenset[str]:
    return hosts if isinstance(hosts, frozenset) else parse_hosts(hosts)


def _is_below(host: str, names: frozenset[str]) -> bool:
    while host not in names:
        _, dot, host = host.partition(".")
        if not dot:
            return False
    return True


def _parsed(entry: str) -> str:
    name = host_name(entry.strip().removeprefix("*.").lstrip("."))
    if name is None or "*" in name or (":" in name and not _is_ipv6(name)):  # with a port it would never be met
        raise ValueError(f"{entry!r} is no host name; write it like example.com")
    return name


def _is_ipv6(name: str) -> bool:
    try:
        IPv6Address(name)
    except AddressValueError:
        return False
    return True
