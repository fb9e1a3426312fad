"""Which URLs and addresses may be reached: only http and https, to globally reachable hosts, on allowed ports.

Python's `ipaddress.is_global` changes with its patch releases and does not look into addresses that wrap others, so
the networks are listed here (IANA special-purpose registries, as of 2025).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote, urljoin, urlsplit

from yarl import URL

from babelsift.pipelines.fetch.failure import FetchFailureError
from babelsift.schemas import RecipeError, RejectReason

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_DEFAULT_PORTS = {"http": 80, "https": 443}

_REFUSED: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), name)
    for network, name in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "cloud metadata"),  # Azure's wire server, within a public network
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("2001::/23", "reserved"),  # Teredo, ORCHID, benchmarking, ...: no public web server lives here
        ("2001:db8::/32", "documentation"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
_MAPPED, _COMPATIBLE = IPv6Network("::ffff:0:0/96"), IPv6Network("::/96")
_NAT64, _SIX_TO_FOUR, _TEREDO = IPv6Network("64:ff9b::/96"), IPv6Network("2002::/16"), IPv6Network("2001::/32")
_ISATAP = (0x00005EFE, 0x02005EFE)  # bits 64 to 95 of an address that holds an IPv4 address in its last 32 bits

_ENDS_IN_NUMBER = re.compile(r"(^|\.)(0x[0-9a-f]*|[0-9]+)\.?$", re.IGNORECASE)
# What browsers leave as it is in a path and in a query, "%" included: signed URLs must arrive unchanged.
_PATH_SAFE = "/%:@!$&'()*+,;=-._~[]|^"
_QUERY_SAFE = _PATH_SAFE + "?\\`{}"


@dataclass(frozen=True)
class AddressPolicy:
    """Which hosts may be reached.

    Attributes:
        allow: networks in CIDR notation that may be reached although they are not global.
        ports: None for any.
    """

    allow: tuple[str, ...] = ()
    ports: tuple[int, ...] | None = (80, 443)
    _allowed: tuple[Network, ...] = field(default=(), init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            networks = tuple(ip_network(network) for network in self.allow)
        except ValueError as error:
            raise RecipeError(f"download.allow_addresses: {error}; write networks as 10.0.0.0/8") from error
        object.__setattr__(self, "_allowed", networks)

    def refusal(self, address: Address) -> str | None:
        """Returns why an address must not be reached, or None where it may be."""
        for inner in (address, *_wrapped(address)):
            if any(inner.version == network.version and inner in network for network in self._allowed):
                return None
        if isinstance(address, IPv6Address) and (wrapped := _wrapped(address)):
            refusals = [refused for inner in wrapped if (refused := _refusal(inner))]
            if refusals:
                return refusals[0]
            return None if address in _NAT64 or address in _MAPPED or address in _SIX_TO_FOUR else _refusal(address)
        return _refusal(address)

    def check_address(self, address: Address | str) -> None:
        """Raises FetchFailureError (ADDRESS_REFUSED) where the address must not be reached."""
        parsed = ip_address(address) if isinstance(address, str) else address
        if refusal := self.refusal(parsed):
            raise FetchFailureError(RejectReason.ADDRESS_REFUSED, f"{refusal} address {parsed}")

    def check_url(self, url: str) -> URL:
        """Returns the URL as it is to be requested: without fragment, quoted as browsers quote.

        Raises:
            FetchFailureError: URL_INVALID or ADDRESS_REFUSED.
        """
        parsed = _parse(url)
        host = parsed.raw_host or ""
        if self.ports is not None and parsed.port not in self.ports:
            raise FetchFailureError(RejectReason.ADDRESS_REFUSED, f"port {parsed.port}")
        if ":" in host:
            if "%" in host:
                raise FetchFailureError(RejectReason.ADDRESS_REFUSED, "address with a zone")
            self.check_address(host)
        elif _ENDS_IN_NUMBER.search(host):
            try:
                address = IPv4Address(host)
            except ValueError:
                # 127.1, 0x7f000001, 2130706433, 017700000001: resolvers take them for addresses
                raise FetchFailureError(RejectReason.ADDRESS_REFUSED, f"odd spelling of an address: {host}") from None
            self.check_address(address)
        return parsed

    def check_redirect(self, origin: URL, location: str) -> URL:
        """Returns the URL that a redirect leads to.

        Raises:
            FetchFailureError: as `check_url`; ADDRESS_REFUSED also for https to http.
        """
        try:
            joined = urljoin(str(origin), location.strip())
        except ValueError as error:
            raise FetchFailureError(RejectReason.URL_INVALID, f"redirect: {error}") from error
        target = self.check_url(joined)
        if origin.scheme == "https" and target.scheme == "http":
            raise FetchFailureError(RejectReason.ADDRESS_REFUSED, "redirect from https to http")
        return target


def _parse(url: str) -> URL:
    try:
        parts = urlsplit(url.strip())
        scheme, netloc, port = parts.scheme.lower(), parts.netloc, parts.port
    except ValueError as error:
        raise FetchFailureError(RejectReason.URL_INVALID, str(error)) from error
    if scheme not in _DEFAULT_PORTS:
        raise FetchFailureError(RejectReason.ADDRESS_REFUSED, f"scheme {scheme[:20] or 'missing'}")
    if "@" in netloc:
        raise FetchFailureError(RejectReason.ADDRESS_REFUSED, "user information in the URL")
    host = parts.hostname
    if not host or not host.strip(".") or "\\" in netloc or netloc.split() != [netloc] or port == 0:
        raise FetchFailureError(RejectReason.URL_INVALID, "no valid host")
    try:
        # The host goes through IDNA here, so that a full-width 127.0.0.1 is seen for what it is.
        base = URL.build(scheme=scheme, host=host, port=port)
        path = quote(parts.path or "/", safe=_PATH_SAFE, errors="surrogateescape")
        query = quote(parts.query, safe=_QUERY_SAFE, errors="surrogateescape")
        authority = base.host_subcomponent or ""
        authority += f":{port}" if port and port != _DEFAULT_PORTS[scheme] else ""
        full = URL(f"{scheme}://{authority}{path}{'?' + query if query else ''}", encoded=True)
        if not full.raw_host or len(full.raw_host) > 253:
            raise ValueError("no valid host")
    except (ValueError, UnicodeError) as error:
        raise FetchFailureError(RejectReason.URL_INVALID, str(error)) from error
    return full


def _refusal(address: Address) -> str | None:
    for network, name in _REFUSED:
        if address.version == network.version and address in network:
            return name
    if isinstance(address, IPv6Address) and address not in _GLOBAL_V6:
        return "reserved"
    return None


def _wrapped(address: Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that an IPv6 address stands for."""
    if isinstance(address, IPv4Address):
        return ()
    number = int(address)
    if address in _MAPPED or address in _NAT64 or (address in _COMPATIBLE and number > 1):
        return (IPv4Address(number & 0xFFFFFFFF),)
    if address in _SIX_TO_FOUR:
        return (IPv4Address(number >> 80 & 0xFFFFFFFF),)
    if address in _TEREDO:
        return (IPv4Address(number >> 64 & 0xFFFFFFFF), IPv4Address(~number & 0xFFFFFFFF))
    if number >> 32 & 0xFFFFFFFF in _ISATAP:
        return (IPv4Address(number & 0xFFFFFFFF),)
    return ()
