"""Which pictures a report hides until asked: those that a model, a rule or a word calls sexual or violent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from babelsift.filters.text import is_free_of_explicit_words
from babelsift.schemas import RejectReason

# Columns that models and published tables have (LAION's NSFW and punsafe, opennsfw's, safety heads).
_COLUMN = re.compile(r"nsfw|unsafe|porn|explicit|erotic|sexual|nudity|violen|gore|bloody", re.IGNORECASE)
_SURE = 0.3  # from here on a picture is hidden: who looks at a report has not asked for it
_WORDS = frozenset({"nsfw", "unsure", "true", "yes", "unsafe", "porn", "sexy", "hentai", "explicit"})


def is_veiled(row: Mapping[str, Any]) -> bool:
    """Whether a row's picture is to be hidden.

    Args:
        row: of the ledger, or a kept one with all its columns.

    >>> is_veiled({"caption": "a dog", "url": "http://a.example/1.jpg", "punsafe": 0.9})
    True
    >>> is_veiled({"caption": "a dog", "url": "http://a.example/1.jpg", "NSFW": "UNLIKELY"})
    False
    """
    if row.get("reason") == RejectReason.FLAGGED_WORD.value:
        return True
    if row.get("reason") and _COLUMN.search(f"{row['reason']} {row.get('threshold') or ''}"):
        return True
    if any(_COLUMN.search(name) and _says_so(value) for name, value in row.items()):
        return True
    texts = pa.array([row.get("caption"), row.get("url")], pa.string())
    return not all(is_free_of_explicit_words(texts).to_pylist())


def _says_so(value: Any) -> bool:
    if isinstance(value, (int, float)):
        return value >= _SURE
    return isinstance(value, str) and value.strip().lower() in _WORDS
