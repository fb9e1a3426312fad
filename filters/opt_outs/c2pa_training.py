"""What a C2PA manifest in an image file says of training: its assertion on training and data mining.

Source: C2PA Technical Specification 1.4, `c2pa.training-mining`; CAWG Training and Data Mining Assertion 1.1,
`cawg.training-mining`, which took its place; ISO/IEC 19566-5 for the JUMBF boxes that hold them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import cbor2

# An assertion of the same kind again has its number behind the name.
_LABEL = re.compile(rb"(?:cawg|c2pa)\.training-mining(?:__\d+)?")
_LEAST_BOX, _LONG_BOX = 8, 16
_TYPE_BYTES, _TOGGLES = 16, 1
_HAS_LABEL = 0b10
_ALLOWED = "allowed"
# The first of them that an assertion has decides: on training, on generative training alone, on all data mining.
_DECIDING = ("ai_training", "ai_generative_training", "data_mining")


def c2pa_training_opt_out(store: bytes) -> str | None:
    """Returns the entry and its use by which a manifest store is against training, or None.

    Training that is allowed under a constraint is not allowed: nobody asks whether it is met. Every manifest of the
    store counts, those of an image's ingredients too. No signature is checked.

    Args:
        store: the JUMBF box of a C2PA manifest store, of any bytes.

    >>> entries = cbor2.dumps({"entries": {"cawg.ai_training": {"use": "notAllowed"}}})
    >>> described = bytes(16) + b"\\x03cawg.training-mining\\0"
    >>> boxes = [(len(body) + 8).to_bytes(4, "big") + kind + body for kind, body in
    ...          [(b"jumd", described), (b"cbor", entries)]]
    >>> store = (sum(map(len, boxes)) + 8).to_bytes(4, "big") + b"jumb" + b"".join(boxes)
    >>> c2pa_training_opt_out(store)
    'cawg.ai_training: notAllowed'
    """
    if b".training-mining" not in store:
        return None
    for kind, content in _assertions(store):
        for name, use in _deciding_entries(kind, content):
            if use != _ALLOWED:
                return f"{name}: {use}"
    return None


def _deciding_entries(kind: bytes, content: bytes) -> Iterator[tuple[str, str]]:
    """Yields the entry of each namespace that decides, and its use; none where the assertion makes no sense."""
    try:
        said = json.loads(content) if kind == b"json" else cbor2.loads(content)
    except (ValueError, RecursionError, cbor2.CBORError):
        return
    entries = said.get("entries") if isinstance(said, dict) else None
    if not isinstance(entries, dict):
        return
    uses = {name: _use_of(entry) for name, entry in entries.items() if isinstance(name, str)}
    for namespace in ("cawg", "c2pa"):
        for deciding in _DECIDING:
            if (use := uses.get(f"{namespace}.{deciding}")) is not None:
                yield f"{namespace}.{deciding}", use
                break


def _use_of(entry: Any) -> str | None:
    use = entry.get("use") if isinstance(entry, dict) else None
    return use if use in (_ALLOWED, "notAllowed", "constrained") else None


def _assertions(store: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the kind and content of the boxes in all assertions on training, in their order."""
    waiting = [(0, len(store))]
    while waiting:
        start, end = waiting.pop()
        boxes = list(_boxes(store, start, end))
        if boxes and boxes[0][0] == b"jumd" and _LABEL.fullmatch(_label(store[boxes[0][1] : boxes[0][2]])):
            yield from ((kind, store[first:last]) for kind, first, last in boxes if kind in (b"cbor", b"json"))
        waiting.extend((first, last) for kind, first, last in reversed(boxes) if kind == b"jumb")


def _label(description: bytes) -> bytes:
    """Returns the label of a description box; nothing where it has none."""
    if len(description) <= _TYPE_BYTES or not description[_TYPE_BYTES] & _HAS_LABEL:
        return b""
    return description[_TYPE_BYTES + _TOGGLES :].partition(b"\0")[0]


def _boxes(store: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yields (type, where the content begins, where it ends) of the boxes that lie beside each other."""
    while end - start >= _LEAST_BOX:
        size, kind, head = int.from_bytes(store[start : start + 4], "big"), store[start + 4 : start + 8], _LEAST_BOX
        if size == 1:
            size, head = int.from_bytes(store[start + 8 : start + _LONG_BOX], "big"), _LONG_BOX
        elif size == 0:
            size = end - start
        if size < head or size > end - start:
            return
        yield kind, start + head, start + size
        start += size
