"""Text values in a C2PA manifest store, found by their keys: no signature is checked, and no library needed.

Source: C2PA Technical Specification 2.1: assertions are CBOR, or JSON, in JUMBF boxes; RFC 8949 for CBOR.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# After a key: containers' heads, where the value is a list or a map that begins with a name; then a text's head.
_CBOR = rb"[\x80-\x97\xa0-\xb7]*(?:\x64name)?(?:([\x60-\x77])|\x78(.)|\x79(..))"
_JSON = rb'"\s*:\s*"([^"\\]{1,300})"'
_MAX_VALUES = 100


def c2pa_strings(store: bytes, key: bytes) -> Iterator[str]:
    """Yields the texts that a key has in a manifest store, of an image's ingredients too, in their order.

    Args:
        store: the JUMBF box of a manifest store, of any bytes.
        key: of a map.

    >>> list(c2pa_strings(b"\\x70claim_generator\\x64Tool", b"claim_generator"))
    ['Tool']
    """
    pattern = re.compile(re.escape(key) + rb"(?:" + _CBOR + rb"|" + _JSON + rb")", re.DOTALL)
    for number, match in enumerate(pattern.finditer(store)):
        if number >= _MAX_VALUES:
            return
        short, medium, long, quoted = match.groups()
        if quoted is None:
            length = short[0] - 0x60 if short else int.from_bytes(medium or long, "big")
            quoted = store[match.end() : match.end() + length]
        yield quoted.decode("utf-8", errors="replace")
