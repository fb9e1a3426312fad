"""What JSON can say of a value that came out of Arrow."""

from __future__ import annotations

import math
from typing import Any


def json_value(value: Any) -> Any:
    """Returns a value that JSON has a word for: NaN and infinities as null, bytes as hex digits, others as their text.

    Args:
        value: as Arrow's `to_pylist` gives it; lists and dicts are looked into.

    >>> json_value({"a": [1, float("nan"), b"\\x01"]})
    {'a': [1, None, '01']}
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [json_value(inner) for inner in value]
    if isinstance(value, dict):
        return {str(name): json_value(inner) for name, inner in value.items()}
    return value if value is None or isinstance(value, (str, int)) else str(value)
