"""A table's columns as filters see them: facets of words, and numbers; each is made when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.selection import holds_numbers
from babelsift.filters.strings import dominant_scripts
from babelsift.filters.text import count_characters
from babelsift.filters.urls import registered_domains

Kind = Literal["facet", "number", "text"]
BINS = 48
_MOST_WORDS = 50_000  # a facet of more is a text: nobody picks from so many
_SKEW = 30.0  # from which ratio of high to middle values on bins grow with the values
_SLICE = 100_000
_SIDES = ("original_width", "original_height")
_TEXTS = {"uid", "url", "caption", "key", "value", "shard", "staged_row"}


@dataclass(frozen=True)
class Facet:
    """A column of words.

    Attributes:
        codes: int32[n], which word each row has; 0 stands for none.
        words: the words, the first of which is None.
    """

    codes: np.ndarray
    words: list[str | None]

    @cached_property
    def code_of(self) -> dict[str | None, int]:
        """Each word's code."""
        return {word: code for code, word in enumerate(self.words)}


@dataclass(frozen=True)
class Numbers:
    """A column of numbers.

    Attributes:
        values: float64[n] or float32[n], NaN for none.
        edges: float64[BINS + 1], of its histogram.
        bins: uint8[n], which bin each row is in; BINS for none.
        is_whole: whether all are integers.
    """

    values: np.ndarray
    edges: np.ndarray
    bins: np.ndarray
    is_whole: bool


class Columns:
    """The columns of a table of pairs, and those that follow from them: script, host, caption length, sides.

    Attributes:
        table: of pairs, in one chunk a column.
    """

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self._derived: dict[str, tuple[Kind, Callable[[], pa.Array]]] = {
            "script": ("facet", lambda: self._in_slices("caption", dominant_scripts)),
            "host": ("facet", lambda: self._in_slices("url", registered_domains)),
            "caption_characters": ("number", lambda: self._in_slices("caption", count_characters)),
        }
        if {"original_width", "original_height"} <= set(table.column_names):
            self._derived["short_side_px"] = ("number", self._short_side)
            self._derived["aspect_ratio"] = ("number", self._aspect_ratio)
        self._made: dict[str, Facet | Numbers] = {}
        self._lock = threading.RLock()

    def add_facet(self, name: str, words: pa.Array) -> None:
        """Adds a facet that the table does not have, string[n]; or puts it in an older one's place."""
        with self._lock:
            self._derived[name] = ("facet", lambda: words)
            self._made.pop(name, None)

    @property
    def kinds(self) -> dict[str, Kind]:
        """Each column's kind."""
        return {**self._own_kinds, **{name: kind for name, (kind, _) in self._derived.items()}}

    @cached_property
    def _own_kinds(self) -> dict[str, Kind]:
        return {field.name: self._kind(field) for field in self.table.schema}

    def names(self, kind: Kind) -> list[str]:
        """Returns the names of the columns of a kind."""
        return [name for name, of_name in self.kinds.items() if of_name == kind]

    def facet(self, name: str) -> Facet:
        """Returns a column of words; name: one of kind facet."""
        with self._lock:
            if not isinstance(made := self._made.get(name), Facet):
                made = self._made[name] = facet_of(self.column(name))
            return made

    def numbers(self, name: str) -> Numbers:
        """Returns a column of numbers; name: one of kind number."""
        with self._lock:
            if not isinstance(made := self._made.get(name), Numbers):
                made = self._made[name] = numbers_of(self.column(name))
            return made

    def column(self, name: str) -> pa.Array:
        """Returns a column of the table, or one that follows from others."""
        if name in self._derived:
            return self._derived[name][1]()
        column = self.table.column(name)
        return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()

    def _in_slices(self, name: str, measure: Callable[[pa.Array], pa.Array]) -> pa.Array:
        """Measures a column a slice at a time: whole, code points of a million captions are most of a gigabyte."""
        column = self.column(name)
        slices = [measure(column.slice(start, _SLICE)) for start in range(0, len(column), _SLICE)]
        return pa.concat_arrays(slices) if slices else measure(column)

    def _short_side(self) -> pa.Array:
        return pc.min_element_wise(*map(self.column, _SIDES), skip_nulls=False)

    def _aspect_ratio(self) -> pa.Array:
        sides = [pc.cast(self.column(name), pa.float32()) for name in _SIDES]
        return pc.divide(pc.max_element_wise(*sides, skip_nulls=False), pc.min_element_wise(*sides, skip_nulls=False))

    def _kind(self, field: pa.Field) -> Kind:
        kind = field.type
        if field.name in _TEXTS:
            return "text"
        if pa.types.is_dictionary(kind) or pa.types.is_boolean(kind):
            return "facet"
        if holds_numbers(kind):
            return "number"
        is_text = pa.types.is_large_string(kind)
        return "facet" if is_text and pc.count_distinct(self.column(field.name)).as_py() <= _MOST_WORDS else "text"


def facet_of(column: pa.Array) -> Facet:
    """Returns a column's words by code.

    Args:
        column: string[n] or bool[n], nullable; a dictionary of strings may stand for it.
    """
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.large_string()).dictionary_encode()
    codes = pc.fill_null(column.indices.cast(pa.int32()), -1).to_numpy(zero_copy_only=False) + np.int32(1)
    return Facet(codes, [None, *column.dictionary.to_pylist()])


def numbers_of(column: pa.Array) -> Numbers:
    """Returns a column's numbers and their bins: of equal width, or growing with the values where these are skewed.

    Args:
        column: of numbers, nullable.
    """
    is_whole = pa.types.is_integer(column.type)
    is_single = pa.types.is_float32(column.type) or pa.types.is_float16(column.type)
    values = pc.cast(column, pa.float32() if is_single else pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Numbers(values, np.linspace(0, 1, BINS + 1), np.full(len(values), BINS, np.uint8), is_whole)
    edges = _edges(finite, is_whole)
    bins = np.full(len(values), BINS, np.uint8)
    has_value = np.isfinite(values)
    bins[has_value] = np.clip(np.searchsorted(edges, finite, side="right") - 1, 0, BINS - 1)
    return Numbers(values, edges, bins, is_whole)


def _edges(values: np.ndarray, is_whole: bool) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high > 1 and high / max(float(np.median(values)), 1e-9) > _SKEW:
        return np.expm1(np.linspace(np.log1p(low), np.log1p(high), BINS + 1))
    if is_whole and high - low < BINS:
        return low - 0.5 + np.arange(BINS + 1)
    return np.linspace(low, high, BINS + 1) if low < high else np.linspace(low - 0.5, high + 0.5, BINS + 1)
