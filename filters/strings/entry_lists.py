"""Reading the lists that recipes name: words, hosts, URLs, one a line, plain or compressed, on any file system."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TypeVar

import fsspec

from babelsift.schemas import RecipeError
from babelsift.schemas.recipe.settings import EntryList

_T = TypeVar("_T")
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".xz": "xz"}


def read_text(path: str, *, what: str) -> str:
    """Returns a text file's content (UTF-8, a byte order mark passed over), decompressed where its name says so.

    Raises:
        RecipeError: it cannot be read, or is not UTF-8; `what` names the setting.
    """
    suffix = "." + path.rsplit(".", 1)[-1].lower()
    try:
        with fsspec.open(path, "rb", compression=_COMPRESSIONS.get(suffix)) as file:
            return file.read().decode("utf-8-sig")
    except (OSError, ValueError, ImportError, EOFError) as error:
        raise RecipeError(f"{what}: cannot read {path}: {error}; name a UTF-8 text file, one entry a line") from error


def read_entries(source: EntryList, *, what: str) -> Iterator[str]:
    """Yields the entries of a list: those spelled out, then each file's lines without blank ones and `#` comments.

    Raises:
        RecipeError: a file cannot be read; `what` names the setting.
    """
    yield from (entry.strip() for entry in source.entries if entry.strip())
    for path in source.files:
        for line in read_text(path, what=what).splitlines():
            entry = line.strip()
            if entry and not entry.startswith("#"):
                yield entry


def loaded_once(load: Callable[..., _T]) -> Callable[..., _T]:
    """Makes a loader of lists keep its last answers: a process loads each list once, not once a batch."""
    return lru_cache(maxsize=32)(load)
