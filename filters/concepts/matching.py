"""Matching captions with concept entries, as MetaCLIP does before it balances them.

Source: MetaCLIP (Xu et al. 2023), metaclip/substr_matching.py; MetaCLIP 2 (Chuang et al. 2025).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.concepts.concept_lists import list_for, read_lists
from babelsift.filters.concepts.spacing import Spacing, space_captions, space_entries
from babelsift.filters.strings import SubstringIndex

_MATCHES_TYPE = pa.list_(pa.int32())


class ConceptMatcher:
    """Finds the entries that occur in captions as MetaCLIP finds them: as substrings of the spaced caption, case kept.

    Picklable: only the path travels, and lists are loaded where they are first needed.

    >>> matcher = ConceptMatcher({"": ["cat", "sofa", "car"]})
    >>> matcher.match(pa.array(["a cat on a sofa", "carpets", None]), pa.array(["en", "en", "en"])).to_pylist()
    [[0, 1], [], []]
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
            RecipeError: a list cannot be read, or is no list of entries.
        """
        _ = self._indices

    @property
    def list_sizes(self) -> dict[str, int]:
        """How many entries each list has, by its name; loads the lists."""
        return {name: len(index) for name, index in self._indices.items()}

    def match(self, captions: pa.Array, languages: pa.Array) -> pa.ListArray:
        """Returns the entries that each caption matches.

        Args:
            captions: string[n], nullable.
            languages: string[n]; chooses the list where there are several.

        Returns:
            list<int32>[n], no nulls: positions in the language's list from 0, ascending, each once.
        """
        spaced = space_captions(captions)
        lists = np.array([list_for(language, self._indices) for language in languages.to_pylist()], dtype=object)
        rows, entries = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for name, index in self._indices.items():
            rows_of_list = np.flatnonzero(lists == name)
            if len(rows_of_list):
                is_whole = len(rows_of_list) == len(spaced)
                occurrences = index.find(spaced if is_whole else spaced.take(pa.array(rows_of_list)))
                rows.append(rows_of_list[occurrences.rows])
                entries.append(occurrences.entries)
        return _as_lists(np.concatenate(rows), np.concatenate(entries), len(spaced))


def has_min_matches(matches: pa.ListArray, *, minimum: int) -> pa.BooleanArray:
    """Keeps rows with at least `minimum` matched entries.

    Args:
        matches: list<int32>[n], nullable, as `ConceptMatcher.match` returns.
        minimum: entries, >= 0.

    Returns:
        bool[n], no nulls; a null is not kept.

    Source:
        MetaCLIP (>= 1).

    >>> has_min_matches(pa.array([[0, 4], [], None]), minimum=1).to_pylist()
    [True, False, False]
    """
    return pc.fill_null(pc.greater_equal(pc.list_value_length(matches), minimum), False)


def _as_lists(rows: np.ndarray, entries: np.ndarray, count: int) -> pa.ListArray:
    pairs = np.unique((rows << 32) | entries)
    starts = np.searchsorted(pairs, np.arange(count + 1) << 32)
    values = (pairs & 0xFFFFFFFF).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), pa.array(values)).cast(_MATCHES_TYPE)
