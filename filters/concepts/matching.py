"""Matching captions with metadata entries (names of concepts), as MetaCLIP does before it balances them.

Source: MetaCLIP (Xu et al. 2023), metaclip/substr_matching.py; MetaCLIP 2 (Chuang et al. 2025).
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.concepts.spacing import Spacing, space_captions, space_entries
from babelsift.filters.strings.entry_lists import read_text
from babelsift.filters.strings.substring_index import SubstringIndex
from babelsift.schemas import RecipeError
from babelsift.schemas.languages import normalise_language

MATCHES_TYPE = pa.list_(pa.int32())
_EVERY_LANGUAGE = ""
_SETTING = "metadata.entries"
_LIST_ENDINGS = (".json", ".txt", ".json.gz", ".txt.gz", ".json.zst", ".txt.zst")


class MetadataMatcher:
    """Finds the entries that occur in captions as MetaCLIP finds them: as substrings of the spaced caption, case kept.

    Picklable: only the path travels, and lists are loaded where they are first needed.
    """

    def __init__(self, entries: str | Mapping[str, Sequence[str]], *, spacing: Spacing = "always") -> None:
        """Names the entries.

        Args:
            entries: path of one list for all languages or of a folder of lists named by language (`en.json`, `zh.txt`,
                `default.json` for languages without one), or the lists themselves by language ("" for all).
            spacing: see `space_entries`.
        """
        self._entries = entries
        self._spacing = spacing

    def __getstate__(self) -> dict[str, Any]:
        return {"_entries": self._entries, "_spacing": self._spacing}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    @cached_property
    def _indices(self) -> dict[str, SubstringIndex]:
        lists = read_lists(self._entries) if isinstance(self._entries, str) else self._entries
        return {
            language: SubstringIndex(space_entries(entries, spacing=self._spacing))
            for language, entries in lists.items()
        }

    def load(self) -> None:
        """Loads the lists now.

        Raises:
            RecipeError: one cannot be read or is no list of entries.
        """
        _ = self._indices

    def match(self, captions: pa.Array, languages: pa.Array) -> pa.ListArray:
        """Returns the entries that each caption matches.

        Args:
            captions: string[n], nullable.
            languages: string[n]; which list is asked where there are several.

        Returns:
            list<int32>[n], no nulls: positions in the language's list from 0, ascending, each once.
        """
        spaced = space_captions(captions)
        lists = np.array(self._lists_for(languages.to_pylist()), dtype=object)
        rows, entries = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for name, index in self._indices.items():
            own = np.flatnonzero(lists == name)
            if len(own):
                found = index.find(spaced if len(own) == len(spaced) else spaced.take(pa.array(own)))
                rows.append(own[found.rows])
                entries.append(found.entries)
        return _as_lists(np.concatenate(rows), np.concatenate(entries), len(spaced))

    def _lists_for(self, languages: list[str]) -> list[str | None]:
        return [list_for(language, self._indices) for language in languages]


def has_min_matches(matches: pa.ListArray, *, minimum: int) -> pa.BooleanArray:
    """Keeps rows with at least `minimum` matched entries.

    Args:
        matches: list<int32>[n].

    Returns:
        bool[n], no nulls.

    Source:
        MetaCLIP (>= 1).
    """
    return pc.fill_null(pc.greater_equal(pc.list_value_length(matches), minimum), False)


def list_for(language: str, lists: Collection[str]) -> str | None:
    """Returns which of the lists, by name, a language's captions are matched with; None where there is none for it."""
    if _EVERY_LANGUAGE in lists:
        return _EVERY_LANGUAGE
    return language if language in lists else "default" if "default" in lists else None


def read_lists(path: str) -> dict[str, list[str]]:
    """Returns the entries by language, "" standing for all, from a list's path or a folder of lists.

    Raises:
        RecipeError: nothing readable is there, or what is there is no list of entries.
    """
    return {name: read_list(file) for name, file in find_lists(path).items()}


def find_lists(path: str) -> dict[str, str]:
    """Returns the files of lists by language, "" standing for all; see `read_lists`.

    Raises:
        RecipeError: nothing readable is there, or no list.
    """
    try:
        files, root = fsspec.core.url_to_fs(path)
        is_folder = files.isdir(root)
        names = sorted(files.ls(root, detail=False)) if is_folder else []
    except (OSError, ValueError, ImportError) as error:
        raise RecipeError(f"{_SETTING}: cannot read {path}: {error}") from error
    if not is_folder:
        return {_EVERY_LANGUAGE: path}
    lists = {}
    for name in names:
        base = os.path.basename(name)
        if base.endswith(_LIST_ENDINGS):
            lists[_list_language(base.split(".")[0])] = files.unstrip_protocol(name)
    if not lists:
        raise RecipeError(f"{_SETTING}: {path} holds no list; name them by language, such as en.json or zh.txt")
    return lists


def _list_language(name: str) -> str:
    return name if name == "default" else normalise_language(name)


def read_list(path: str) -> list[str]:
    """Returns the entries of one file.

    Positions count: entries are what the file says, in its order, and an empty line is an error, not passed over.

    Raises:
        RecipeError: it cannot be read, or is no list of entries.
    """
    content = read_text(path, what=_SETTING)
    if content.lstrip()[:1] == "[":
        try:
            entries = json.loads(content)
        except ValueError as error:
            raise RecipeError(f"{_SETTING}: {path} is not a JSON list: {error}") from error
    else:
        lines = content.removesuffix("\n").split("\n") if content else []
        entries = [line.removesuffix("\r") for line in lines]
    wrong = next((at for at, entry in enumerate(entries) if not isinstance(entry, str) or not entry.strip()), None)
    if not entries or wrong is not None:
        found = "nothing" if wrong is None else f"{entries[wrong]!r} at position {wrong}"
        raise RecipeError(f"{_SETTING}: {path} should list entries as text, found {found}")
    return entries


def _as_lists(rows: np.ndarray, entries: np.ndarray, count: int) -> pa.ListArray:
    pairs = np.unique((rows << 32) | entries)
    starts = np.searchsorted(pairs, np.arange(count + 1) << 32)
    values = (pairs & 0xFFFFFFFF).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), pa.array(values)).cast(MATCHES_TYPE)
