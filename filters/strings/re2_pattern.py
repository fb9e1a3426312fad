"""RE2 patterns that are compiled once a process.

Arrow compiles a pattern at every call, which for a long one takes more time than searching the few rows that a quick
look has left. Both are RE2: time is linear in the text, however hostile.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import re2


class Pattern:
    """A pattern for the few rows that a quick look has left: a call takes some microseconds a row."""

    def __init__(self, text: str) -> None:
        """Names the pattern, which is compiled when it is first needed.

        Args:
            text: in RE2's syntax.
        """
        self.text = text

    @cached_property
    def compiled(self) -> Any:
        """RE2's own pattern."""
        return re2.compile(self.text)

    def matches(self, strings: pa.LargeStringArray) -> np.ndarray:
        """Returns bool[n], where the pattern matches somewhere.

        Args:
            strings: clean, no nulls.
        """
        search = self.compiled.search
        return np.array([search(text) is not None for text in strings.to_pylist()], dtype=bool)

    def replace(self, strings: pa.LargeStringArray, replacement: str) -> pa.LargeStringArray:
        """Returns strings with each match replaced.

        Args:
            strings: clean, no nulls.
            replacement: without references.
        """
        replace = self.compiled.sub
        return pa.array([replace(replacement, text) for text in strings.to_pylist()], pa.large_string())

    def find(self, strings: pa.LargeStringArray) -> np.ndarray:
        """Returns object[n], the first match of the pattern's group 1, None where there is none.

        Args:
            strings: clean, no nulls.
        """
        search = self.compiled.search
        matches = np.full(len(strings), None, dtype=object)
        for row, text in enumerate(strings.to_pylist()):
            match = search(text)
            if match is not None:
                matches[row] = match[1]
        return matches
