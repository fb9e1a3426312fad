"""What a commit mark, or another small JSON file that a run leaves for the next one, must be like to count."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

Kind = Callable[[Any], bool]
Kinds = Mapping[str, Kind]


def is_count(value: Any) -> bool:
    """Returns whether a value is a whole number from 0 on."""
    return type(value) is int and value >= 0


def is_seconds(value: Any) -> bool:
    """Returns whether a value is a number of seconds."""
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:
        return False


def is_text(value: Any) -> bool:
    """Returns whether a value is text."""
    return isinstance(value, str)


def is_object(value: Any) -> bool:
    """Returns whether a value is a JSON object."""
    return isinstance(value, dict)


def is_list_of_texts(value: Any) -> bool:
    """Returns whether a value is a list of texts."""
    return isinstance(value, list) and all(map(is_text, value))


def is_counts(value: Any) -> bool:
    """Returns whether a value is an object of whole numbers."""
    return isinstance(value, dict) and all(map(is_count, value.values()))


def is_texts(value: Any) -> bool:
    """Returns whether a value is an object of texts."""
    return isinstance(value, dict) and all(map(is_text, value.values()))


def wrong_key(content: Mapping[str, Any], kinds: Kinds) -> str | None:
    """Returns the first key the value of which is not of its kind; None where all are. A key may be missing.

    >>> wrong_key({"rows": -1}, {"rows": is_count}), wrong_key({}, {"rows": is_count})
    ('rows', None)
    """
    return next((name for name, is_right in kinds.items() if name in content and not is_right(content[name])), None)
