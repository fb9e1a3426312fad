"""Finds any of up to millions of substrings in a batch of strings in one pass (Aho-Corasick)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ahocorasick_rs
import numpy as np
import pyarrow as pa

from babelsift.filters.strings.code_points import string_bytes

# Beyond this the automaton of full tables takes gigabytes and minutes; the compact one is nearly as fast.
_MOST_FOR_FULL_TABLES = 2_000


@dataclass(frozen=True)
class Occurrences:
    """All occurrences, overlapping ones too, in the order of their ends.

    Attributes:
        rows, entries, starts, ends: int64[k]; starts and ends are byte positions in the whole batch's bytes.
    """

    rows: np.ndarray
    entries: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


class SubstringIndex:
    """Finds every occurrence of every entry in strings; case and spacing are as given."""

    def __init__(self, entries: Sequence[str]) -> None:
        """Builds the automaton.

        Args:
            entries: none empty; of equal entries each is found.

        Raises:
            ValueError: an entry is empty.
        """
        if any(not entry for entry in entries):
            raise ValueError("an entry to search for is empty; leave it out")
        self._size = len(entries)
        kinds = ahocorasick_rs.Implementation
        kind = kinds.DFA if len(entries) <= _MOST_FOR_FULL_TABLES else kinds.ContiguousNFA
        self._automaton = (
            ahocorasick_rs.BytesAhoCorasick([entry.encode() for entry in entries], implementation=kind)
            if entries
            else None
        )

    def __len__(self) -> int:
        return self._size

    def find(self, strings: pa.LargeStringArray) -> Occurrences:
        """Returns all occurrences of the entries.

        Args:
            strings: large_string[n] of valid UTF-8, as `clean_strings` returns them; a null has no occurrence.
        """
        content, offsets = string_bytes(strings)
        matches = self._automaton.find_matches_as_indexes(content.data, overlapping=True) if self._automaton else []
        table = np.array(matches, dtype=np.int64).reshape(-1, 3)
        entries, starts, ends = table.T
        # All rows are searched as one text: a match that runs over a row's end is no occurrence.
        rows = np.searchsorted(offsets, starts, side="right") - 1
        whole = ends <= offsets[rows + 1] if len(rows) else np.zeros(0, dtype=bool)
        return Occurrences(rows[whole], entries[whole], starts[whole], ends[whole])
