"""Which pictures are hidden until asked for: those that a model, a rule or a word calls sexual or violent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from babelsift.filters.text import is_free_of_explicit_words
from babelsift.schemas import RejectReason

# Columns that models and published tables have (LAION's NSFW and punsafe, opennsfw's, safety heads).
_COLUMN = re.compile(r"nsfw|unsafe|safety|porn|explicit|erotic|sexual|nudity|violen|gore|bloody", re.IGNORECASE)
_SURE = 0.3  # from here on a picture is hidden: who looks at many pictures has not asked for this one
_WORDS = frozenset({"nsfw", "unsure", "likely", "true", "yes", "unsafe", "porn", "sexy", "hentai", "explicit"})


def is_telling_column(name: str) -> bool:
    """Whether a column says, by its name, if an image is fit to be seen.

    >>> is_telling_column("punsafe"), is_telling_column("similarity_b32")
    (True, False)
    """
    return _COLUMN.search(name) is not None


def are_veiled(rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Returns of each row whether its picture is to be hidden.

    Args:
        rows: of the ledger, or kept ones with all their telling columns; each with `caption` and `url`.

    >>> are_veiled([
    ...     {"caption": "a dog", "url": "http://a.example/1.jpg", "punsafe": 0.9},
    ...     {"caption": "a dog", "url": "http://a.example/1.jpg", "NSFW": "UNLIKELY"},
    ... ])
    [True, False]
    """
    texts = pa.array([row.get(name) for row in rows for name in ("caption", "url")], pa.string())
    is_plain = is_free_of_explicit_words(texts).to_numpy(zero_copy_only=False).reshape(-1, 2).all(axis=1)
    return [not plain or _is_called_so(row) for row, plain in zip(rows, is_plain.tolist(), strict=True)]


def _is_called_so(row: Mapping[str, Any]) -> bool:
    reason = row.get("reason")
    if reason == RejectReason.FLAGGED_WORD.value:
        return True
    if reason and is_telling_column(f"{reason} {row.get('threshold') or ''}"):
        return True
    return any(is_telling_column(name) and _says_so(value) for name, value in row.items())


def _says_so(value: Any) -> bool:
    if isinstance(value, (int, float)):
        return value >= _SURE
    return isinstance(value, str) and value.strip().lower() in _WORDS
