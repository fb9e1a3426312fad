"""Rows that have several texts: text columns, lists of texts, fall-back orders; each text becomes a pair of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.uids import uid_bytes
from babelsift.pipelines.inputs.carried.types import is_list
from babelsift.pipelines.inputs.pairs import TextColumn, as_pairs, decoded, text_from_arrow, text_from_values
from babelsift.pipelines.inputs.slices import FileLayout, InputPlan
from babelsift.schemas import Decision, RejectReason, Stage


@dataclass(frozen=True)
class RowTexts:
    """Texts, and the rows that they are of: n rows, m texts.

    Attributes:
        column: m texts.
        rows: int64[m], the index of each text's row, rising.
        elements: int64[m], the index of each text in its row's list; -1 where the row holds no list.
        sources: object[m], the text's column, and its index in a list.
    """

    column: TextColumn
    rows: np.ndarray
    elements: np.ndarray
    sources: np.ndarray

    def take(self, indices: np.ndarray) -> RowTexts:
        """Returns texts by their indices."""
        others = (array[indices] for array in (self.rows, self.elements, self.sources))
        return RowTexts(self.column.take(indices), *others)

    @classmethod
    def concat(cls, parts: Sequence[RowTexts]) -> RowTexts:
        """Returns the texts of one or more, those of a row together."""
        others = (np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", "elements", "sources"))
        joined = cls(TextColumn.concat([part.column for part in parts]), *others)
        return joined.take(np.argsort(joined.rows, kind="stable"))

    @property
    def is_wrong(self) -> np.ndarray:
        """bool[m], where there is something that is no text."""
        return self.column.wrong_type | self.column.undecodable

    @property
    def is_blank(self) -> np.ndarray:
        """bool[m], where there is nothing."""
        blank = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(self.column.texts)), 0)
        return pc.fill_null(blank, True).to_numpy(zero_copy_only=False) & ~self.is_wrong


Values: TypeAlias = pa.Array | Sequence[object]  # a column, as Arrow or as the values that a text file has


def one_text_a_row(values: Values) -> TextColumn:
    """Returns a column's values as text; what is no text, a list too, is of the wrong type."""
    return text_from_arrow(values) if isinstance(values, pa.Array) else text_from_values(values)


def texts_of_rows(values: Values, source: str) -> RowTexts:
    """Returns the texts of a column of texts, or of lists of texts; source: the column's name."""
    if isinstance(values, pa.Array):
        values = decoded(values)
        if not is_list(values.type):
            return _row_texts(text_from_arrow(values), np.arange(len(values)), np.full(len(values), -1), source)
        lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False).astype(np.int64)
        return _row_texts(text_from_arrow(pc.list_flatten(values)), *_places(lengths), source)
    is_one = np.array([not isinstance(value, list) for value in values], dtype=np.bool_)
    lists = [value if isinstance(value, list) else [value] for value in values]
    rows, elements = _places(np.array([len(texts) for texts in lists], dtype=np.int64))
    column = text_from_values([text for texts in lists for text in texts])
    return _row_texts(column, rows, np.where(is_one[rows], -1, elements), source)


def _row_texts(column: TextColumn, rows: np.ndarray, elements: np.ndarray, source: str) -> RowTexts:
    sources = [source if element < 0 else f"{source}[{element}]" for element in elements.tolist()]
    return RowTexts(column, rows, elements, np.array(sources, dtype=object))


def _places(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns (the row of each element, its index in the row's list) of lists of these lengths."""
    rows = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.cumsum(lengths) - lengths
    return rows, np.arange(len(rows)) - starts[rows]


def several_pairs(
    layout: FileLayout,
    plan: InputPlan,
    values_of: Callable[[int], Values],
    carried: pa.RecordBatch,
    *,
    source: str,
    rows: np.ndarray,
) -> tuple[pa.RecordBatch, pa.RecordBatch, int]:
    """Returns (pairs as READ_SCHEMA and what is carried, ledger rows, texts) of rows that may have several texts.

    A row without a text is one ledger row; of a row that has any, columns that are empty say nothing. Of equal texts of
    one row the first stays.

    Args:
        layout: which columns are texts.
        plan: what is carried.
        values_of: a column's index -> its n values.
        carried: the other columns, n rows.
        source: the file's path within the input.
        rows: int64[n], row numbers in the file.
    """
    chains = [
        [texts_of_rows(values_of(index), layout.text_sources[index]) for index in chain] for chain in layout.captions
    ]
    texts = chosen_texts(chains, len(rows))
    columns: dict[str, pa.Array] = {}
    if plan.has_several_texts:
        columns["text_source"] = pa.array(texts.sources, pa.string())
        _, first, of_row = np.unique(texts.rows, return_index=True, return_inverse=True)
        columns["text_index"] = pa.array(np.arange(len(texts.rows)) - first[of_row], pa.int32())
    if plan.has_text_languages:
        columns["text_language"] = pa.nulls(len(texts.rows), pa.string())
        if layout.language is not None:
            columns["text_language"] = _said_of(texts, texts_of_rows(values_of(layout.language), ""))
    beside = [*columns.values(), *carried.take(pa.array(texts.rows)).columns]
    schema = pa.schema([*plan.text_schema, *carried.schema])
    pairs, rejected = as_pairs(
        one_text_a_row(values_of(layout.url)).take(texts.rows),
        texts.column,
        pa.RecordBatch.from_arrays(beside, schema=schema),
        source=source,
        rows=rows[texts.rows],
    )
    pairs, repeated = _without_equal_texts(pairs)
    return pairs, pa.concat_batches([rejected, repeated]), len(texts.rows)


def chosen_texts(chains: Sequence[Sequence[RowTexts]], count: int) -> RowTexts:
    """Returns the texts of rows, in the order of the chains: of each chain those of its first column that has any.

    Something that is no text stands among them, as long as no later column of its chain has a text. A row with nothing
    at all has one text, which is null.

    Args:
        chains: columns in their fall-back order, for each text of a row.
        count: how many rows there are.
    """
    taken = [texts for chain in chains for texts in _first_with_texts(chain, count)]
    missing = np.setdiff1d(np.arange(count), np.concatenate([texts.rows for texts in taken]))
    no_texts = text_from_values([None] * len(missing))
    nothing = _row_texts(no_texts, missing, np.full(len(missing), -1), "")
    return RowTexts.concat([*taken, nothing])


def _first_with_texts(chain: Sequence[RowTexts], count: int) -> Iterator[RowTexts]:
    """Yields those texts of each column of a chain that count."""
    has_text, is_open = np.zeros(count, dtype=bool), []
    for texts in chain:
        is_open.append(~has_text)
        has_text[texts.rows[~texts.is_wrong & ~texts.is_blank]] = True
    has_any = has_text.copy()
    for texts, was_open in zip(chain, is_open, strict=True):
        # Of a row with a text, the first column that has one; of a row without, the first that has anything.
        of_row = np.where(has_text, was_open & _has(texts, ~texts.is_wrong & ~texts.is_blank, count), ~has_any)
        yield texts.take(np.flatnonzero(of_row[texts.rows] & ~texts.is_blank))
        has_any |= _has(texts, texts.is_wrong, count)


def _has(texts: RowTexts, which: np.ndarray, count: int) -> np.ndarray:
    """Returns bool[count], the rows of which any text is meant; which: bool[m]."""
    rows = np.zeros(count, dtype=bool)
    rows[texts.rows[which]] = True
    return rows


def _said_of(texts: RowTexts, languages: RowTexts) -> pa.Array:
    """Returns what a column says of texts: one value for all texts of a row, or a list beside a list of texts."""
    by_place = {
        place: index
        for index, place in enumerate(zip(languages.rows.tolist(), languages.elements.tolist(), strict=True))
    }
    places = zip(texts.rows.tolist(), texts.elements.tolist(), strict=True)
    indices = [by_place.get((row, -1), by_place.get((row, element))) for row, element in places]
    return languages.column.texts.take(pa.array(indices, pa.int64()))


def _without_equal_texts(pairs: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Returns (pairs of which no two of a row are equal, the others as ledger rows)."""
    decision = Decision.keep_all(len(pairs))
    rows, uids = pairs.column("source_row").to_numpy(), uid_bytes(pairs.column("uid"))
    seen: set[tuple[Any, bytes]] = set()
    is_repeated = np.zeros(len(pairs), dtype=bool)
    for index, place in enumerate(zip(rows.tolist(), (uid.tobytes() for uid in uids), strict=True)):
        is_repeated[index] = place in seen
        seen.add(place)
    decision.reject(is_repeated, RejectReason.DUPLICATE_PAIR, values=pairs.column("uid"))
    return decision.split(pairs, Stage.READ)


def text_sources(names: Sequence[str], indices: Sequence[int], clean: Callable[[str], str]) -> Mapping[int, str]:
    """Returns the name of each text column by its index, or `column_N` where it has none."""
    return {index: clean(names[index]) or f"column_{index + 1}" for index in indices}
