"""Rules on URLs alone. Nothing here touches the network; whether an address may be fetched is for the downloader."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv6Address
from urllib.parse import unquote, urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.strings import at_most, check_count, clean_strings

# Nearly all URLs look like this; the others go through urllib, one by one.
_LABEL = r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?"
_PLAIN = rf"(?i)^https?://{_LABEL}(?:\.{_LABEL})*(?:/[!-\[\]-~]*)?$"
_SCHEME = r"^(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):"
_LONGEST_HOST = 253
_BLANKS = "".join(map(chr, range(33)))
_FORBIDDEN_IN_HOST = frozenset(" \t\r\n\\<>\"'^`{|}%/?#@\x00")


def count_url_characters(urls: pa.Array) -> pa.Int64Array:
    """Counts the code points of URLs.

    Args:
        urls: string[n], nullable.

    Returns:
        int64[n], null where the URL is.

    >>> count_url_characters(pa.array(["http://example.com/", None])).to_pylist()
    [19, None]
    """
    return pc.utf8_length(clean_strings(urls))


def has_max_url_characters(urls: pa.Array, *, maximum: int) -> pa.BooleanArray:
    """Keeps URLs of at most `maximum` code points.

    Args:
        urls: string[n], nullable.
        maximum: >= 0.

    Returns:
        bool[n], no nulls; a null URL is not kept.

    Raises:
        ValueError: maximum < 0.

    >>> has_max_url_characters(pa.array(["http://example.com/", None]), maximum=2048).to_pylist()
    [True, False]
    """
    return at_most(count_url_characters(urls), check_count("maximum", maximum))


def url_schemes(urls: pa.Array) -> pa.LargeStringArray:
    """Returns the schemes of URLs in lower case.

    Args:
        urls: string[n], nullable.

    Returns:
        large_string[n], null where a URL has none or is null.

    >>> url_schemes(pa.array(["HTTPS://example.com/", "data:image/gif;base64,", "example.com", None])).to_pylist()
    ['https', 'data', None, None]
    """
    return pc.utf8_lower(pc.struct_field(pc.extract_regex(trim_urls(urls), _SCHEME), "scheme"))


def has_allowed_scheme(urls: pa.Array, *, schemes: Collection[str]) -> pa.BooleanArray:
    """Keeps URLs whose scheme is one of `schemes`, whatever its case.

    Args:
        urls: string[n], nullable.
        schemes: such as ("http", "https").

    Returns:
        bool[n], no nulls; null URLs and URLs without a scheme are not kept.

    >>> urls = pa.array(["HTTPS://example.com/", "file:///etc/passwd", None])
    >>> has_allowed_scheme(urls, schemes=("http", "https")).to_pylist()
    [True, False, False]
    """
    strings = trim_urls(urls)
    allowed = pa.array(np.zeros(len(strings), dtype=bool))
    for scheme in sorted({scheme.lower() for scheme in schemes}):
        allowed = pc.or_(allowed, pc.starts_with(strings, f"{scheme}:", ignore_case=True))
    return pc.fill_null(allowed, False)


def url_hosts(urls: pa.Array) -> pa.LargeStringArray:
    """Returns the hosts of URLs as names are looked up: lower case, IDNA-encoded, without a final dot.

    Args:
        urls: string[n], nullable.

    Returns:
        large_string[n]; null where a URL is null, has no host, or cannot be taken apart (a broken IPv6 address or port,
        spaces or a backslash in the host).

    >>> url_hosts(pa.array(["http://Bücher.example/a.jpg", "http://[::1", None])).to_pylist()
    ['xn--bcher-kva.example', None, None]
    """
    strings = trim_urls(urls)
    plain = pc.match_substring_regex(strings, _PLAIN)
    hosts = pa.nulls(len(strings), pa.large_string())
    hosts = pc.replace_with_mask(hosts, pc.fill_null(plain, False), _plain_hosts(strings.filter(plain)))
    rest = pc.fill_null(pc.invert(plain), False)
    if not pc.any(rest).as_py():
        return hosts
    return pc.replace_with_mask(
        hosts, rest, pa.array([url_host(url) for url in strings.filter(rest).to_pylist()], pa.large_string())
    )


def has_host(urls: pa.Array) -> pa.BooleanArray:
    """Keeps URLs that name a host; see `url_hosts`.

    Args:
        urls: string[n], nullable.

    Returns:
        bool[n], no nulls; a null URL is not kept.

    >>> has_host(pa.array(["http://example.com/", "/a.jpg", None])).to_pylist()
    [True, False, False]
    """
    return url_hosts(urls).is_valid()


def trim_urls(urls: pa.Array) -> pa.LargeStringArray:
    """Returns URLs without blanks and control characters around them, null where the URL is.

    Args:
        urls: string[n], nullable.

    >>> trim_urls(pa.array([" http://example.com/ ", None])).to_pylist()
    ['http://example.com/', None]
    """
    # As urllib and browsers do before they read a URL.
    return pc.ascii_trim(clean_strings(urls), _BLANKS)


def _plain_hosts(urls: pa.LargeStringArray) -> pa.LargeStringArray:
    hosts = pc.list_element(pc.split_pattern(urls, "/", max_splits=3), 2)
    return pc.if_else(pc.less_equal(pc.binary_length(hosts), _LONGEST_HOST), pc.ascii_lower(hosts), None)


def url_host(url: str) -> str | None:
    """Returns the host of a URL as `url_hosts` does, by urllib.

    >>> url_host("http://user@Example.com:8080/a.jpg")
    'example.com'
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        if host and "[" in parts.netloc:
            IPv6Address(host)  # urlsplit looks into brackets from Python 3.11 on only
    except ValueError:
        # Not a URL that anything could be fetched from: unbalanced brackets, a port that is no number.
        return None
    if host is None or port == 0 or "\\" in parts.netloc:
        return None
    return host_name(unquote(host))


def host_name(host: str) -> str | None:
    """Returns a host name as it is looked up: lower case, IDNA-encoded, no final dot; None where it cannot be.

    Args:
        host: as a URL has it.
    """
    host = host.strip("[]") if ":" in host else host
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            return None
    host = host.lower().removesuffix(".")
    if (
        not host
        or len(host) > _LONGEST_HOST
        or ".." in host
        or host.startswith(".")
        or _FORBIDDEN_IN_HOST.intersection(host)
    ):
        return None
    return host
