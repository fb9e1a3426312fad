"""What the values of a key are in JSON records, and so how its column is carried."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from babelsift.pipelines.inputs.carried.types import EXACT_IN_DOUBLE, ColumnKind


@dataclass
class JsonKind:
    """What a key's values are.

    Attributes:
        lowest, highest: of its integers.
        lists, strings: how many values are one.
        count: how many values there are.
        texts: how many may be texts, or lists of texts; blanks are none.
    """

    types: set[type] = field(default_factory=set)
    lowest: int | None = None
    highest: int | None = None
    lists: int = 0
    strings: int = 0
    count: int = 0
    texts: int = 0

    @property
    def is_of_lists(self) -> bool:
        """Whether lists are what it holds; among more strings a list is of the wrong type."""
        return self.lists > 0 and self.lists >= self.strings

    def add(self, value: Any) -> None:
        """Counts a value."""
        kind = type(value)
        self.types.add(kind)
        self.count += 1
        self.texts += kind is list or (kind is str and not value.isspace() and value != "")
        self.lists += kind is list
        self.strings += kind is str
        if kind is int:
            self.lowest = value if self.lowest is None else min(self.lowest, value)
            self.highest = value if self.highest is None else max(self.highest, value)

    def column_kind(self, is_looked_through: bool) -> ColumnKind:
        """Returns the kind that holds the values: text what is nested or mixed, as its JSON."""
        types = self.types - {type(None)}
        if types == {bool}:
            return ColumnKind(pa.bool_())
        if types == {float} or (types == {int, float} and self._is_within(-EXACT_IN_DOUBLE, EXACT_IN_DOUBLE)):
            return ColumnKind(pa.float64())
        for kind, lowest, highest in ((pa.int64(), -(2**63), 2**63 - 1), (pa.uint64(), 0, 2**64 - 1)):
            if types == {int} and self._is_within(lowest, highest):
                return ColumnKind(kind, self.lowest, self.highest) if is_looked_through else ColumnKind(kind)
        return ColumnKind(pa.string())

    def _is_within(self, lowest: int, highest: int) -> bool:
        return self.lowest is None or self.highest is None or lowest <= self.lowest <= self.highest <= highest
