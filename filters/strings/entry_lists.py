"""Reads the lists that recipes name: words, hosts or URLs, one a line, plain or compressed, on any file system."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TypeVar

import fsspec

from babelsift.schemas import RecipeError
from babelsift.schemas.recipe.groups.settings import EntryList

_T = TypeVar("_T")
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".xz": "xz"}


def read_text(path: str, *, setting: str) -> str:
    """Returns a text file's content (UTF-8, a byte order mark passed over), decompressed where its name says so.

    Args:
        path: on any fsspec file system.
        setting: the setting that names the file, for messages.

    Raises:
        RecipeError: the file cannot be read, or is not UTF-8.
    """
    suffix = "." + path.rsplit(".", 1)[-1].lower()
    try:
        with fsspec.open(path, "rb", compression=_COMPRESSIONS.get(suffix)) as file:
            return file.read().decode("utf-8-sig")
    except (OSError, ValueError, ImportError, EOFError) as error:
        raise RecipeError(
            f"{setting}: cannot read {path}: {error}; name a UTF-8 text file, one entry a line"
        ) from error


def kind_of_json(content: str) -> str | None:
    """Returns "a JSON list" or "a JSON object" where a text is one as a whole, else None.

    Args:
        content: of a file.

    >>> kind_of_json('{"en": ["dog"]}'), kind_of_json("[deleted]")
    ('a JSON object', None)
    """
    kinds = {"[": "a JSON list", "{": "a JSON object"}
    kind = kinds.get(content.lstrip()[:1])
    if kind is None:
        return None
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return None
    return kind


def read_entries(source: EntryList, *, setting: str) -> Iterator[str]:
    """Yields the entries of a list: those spelled out, then each file's lines without blank ones and `#` comments.

    Args:
        source: the list.
        setting: the setting that holds it, for messages.

    Raises:
        RecipeError: a file cannot be read, or holds JSON.
    """
    yield from (entry.strip() for entry in source.entries if entry.strip())
    for path in source.files:
        content = read_text(path, setting=setting)
        if kind := kind_of_json(content):
            raise RecipeError(f"{setting}: {path} holds {kind}; write one entry a line")
        for line in content.splitlines():
            entry = line.strip()
            if entry and not entry.startswith("#"):
                yield entry


def loaded_once(load: Callable[..., _T]) -> Callable[..., _T]:
    """Makes a loader of lists keep its last answers: a process loads each list once, not once a batch."""
    return lru_cache(maxsize=32)(load)
