"""HOST:PORT, as options name what listens somewhere."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^\s/:\[\]]+)):(\d{1,5})")


def host_and_port(address: str) -> tuple[str, int]:
    """Returns (a host's name or address, a port from 1 on); an IPv6 address stands in brackets in it.

    Raises:
        ValueError: it is none.

    >>> host_and_port("flink:8081"), host_and_port("[::1]:50000")
    (('flink', 8081), ('::1', 50000))
    """
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise ValueError("is not HOST:PORT")
    port = int(match[3])
    if not 1 <= port <= 65_535:
        raise ValueError(f"no port {port}: ports are 1 to 65535")
    return match[1] or match[2], port


def is_host_and_port(address: str) -> bool:
    """Whether `host_and_port` takes an address.

    >>> is_host_and_port("http://flink:8081")
    False
    """
    try:
        host_and_port(address)
    except ValueError:
        return False
    return True
