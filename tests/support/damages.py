"""Damages of small JSON files: what disks, editors, other programs and newer versions make of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

# Whole contents that are no JSON object, or an empty one.
CONTENTS: dict[str, bytes] = {
    "empty": b"",
    "blank": b"\n",
    "zeros": bytes(512),
    "binary": bytes(range(256)),
    "cut": b'{"fingerprint": "a',
    "null": b"null",
    "list": b"[]",
    "number": b"3",
    "text": b'"text"',
    "deep": b"[" * 100_000,
    "long number": b"9" * 10_000,
    "not a number": b"NaN",
}
# In the place of one value; each is wrong for most.
VALUES: tuple[Any, ...] = (None, [], {}, [1], {"a": None}, "text", "", -1, 1.5, True, float("nan"), 10**400)


def with_wrong_values(content: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yields (name, content) of a JSON object with each of its values replaced by each of VALUES, and left out."""
    for key in content:
        yield f"without {key}", json.dumps({name: value for name, value in content.items() if name != key}).encode()
        for value in VALUES:
            yield f"{key} {str(value)[:20]}", json.dumps({**content, key: value}).encode()
