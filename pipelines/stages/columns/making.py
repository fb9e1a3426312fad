"""One batch's columns: what is stored is looked up, what is not is made and stored, then conditions decide.

Columns are made one after the other, and each condition decides as soon as its column is there: the next column is only
made of the rows that are left. Equal things are asked about once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from babelsift.filters.columns import ColumnMaker, fingerprint_of
from babelsift.filters.columns.maker import ERROR
from babelsift.filters.counting import ColumnCounts, count_column
from babelsift.pipelines.core.batches import concat
from babelsift.pipelines.core.counters import count
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.columns.calls.call_maker import CallMaker
from babelsift.pipelines.stages.columns.early_conditions import PlacedConditions, apply_conditions
from babelsift.pipelines.stages.columns.failing import FailureShare
from babelsift.pipelines.stages.columns.resolved import ResolvedColumn, Source, load_source
from babelsift.pipelines.staging.columns.column_store import ColumnStore, Place, rows_of, value_columns
from babelsift.pipelines.staging.columns.digests import thing_digests
from babelsift.schemas import Decision, RejectReason, Stage
from babelsift.schemas.recipe import Column

_LOG = logging.getLogger(__name__)
_TEXTS_AT_ONCE, _IMAGES_AT_ONCE = 4096, 256  # in memory, and the least that is stored
STORED_AFTER_S = 60.0  # what an interruption can cost, and one call or pass
_ERRORS_SHOWN = 3

# Things of rows, as a maker takes them; the flags say which of the rows could not be read, with why.
Things = tuple[tuple[Any, ...], list[str | None]]
ReadThings = Callable[[pa.RecordBatch, Column, bool], Things]


@dataclass
class MadeRows:
    """What became of a batch.

    Attributes:
        kept: rows with all columns. rejected: ledger rows.
        counts: column -> its values, counted.
    """

    kept: pa.RecordBatch
    rejected: list[pa.RecordBatch] = field(default_factory=list)
    counts: dict[str, ColumnCounts] = field(default_factory=dict)


@dataclass
class Making:
    """Makes the columns of batches.

    Attributes:
        folder: the run folder.
        columns: in order.
        placed: the recipe's conditions.
        stage: whose rows they are.
        read: things of rows.
        makes: whether what is not stored is made; if not, such rows are left out as not stored.
        models: column -> the fingerprint of the CLIP model whose embeddings it is of.
        stored_after_s: how long values may wait in memory before they are stored.
    """

    folder: RunFolder
    columns: Sequence[ResolvedColumn]
    placed: PlacedConditions
    stage: Stage
    read: ReadThings
    makes: bool = True
    models: Mapping[str, str] = field(default_factory=dict)
    stored_after_s: float = STORED_AFTER_S
    _makers: dict[tuple[str, str | None], ColumnMaker] = field(default_factory=dict)
    _failures: dict[str, FailureShare] = field(default_factory=dict)

    def of(self, rows: pa.RecordBatch, place: Place) -> MadeRows:
        """Returns the rows of a partition with their columns.

        Raises:
            ModelError: a maker gives no values.
            RunFolderError: values cannot be read or stored.
        """
        made = MadeRows(rows)
        for resolved in self.columns:
            made.kept = self._with_column(made, resolved, place)
        return made

    def close(self) -> None:
        """Ends what makers run on."""
        while self._makers:
            self._makers.popitem()[1].close()

    def _with_column(self, made: MadeRows, resolved: ResolvedColumn, place: Place) -> pa.RecordBatch:
        rows, decision = made.kept, Decision.keep_all(len(made.kept))
        arrays, errors, unknown = self._values(rows, resolved, place)
        batch = rows
        for output, array in zip(resolved.outputs, arrays, strict=True):
            batch = batch.append_column(output, array)
            counts = count_column(batch if not unknown.any() else batch.filter(pa.array(~unknown)), output.name)
            made.counts[output.name] = counts.with_errors(errors)
        decision.reject(unknown, RejectReason.NOT_STORED, values=resolved.column.name)
        names = {output.name for output in resolved.outputs}
        conditions = {name: one for name, one in self.placed.of(self.stage).items() if name in names}
        apply_conditions(batch, conditions, self.placed.reasons, decision)
        kept, rejected = decision.split(batch, self.stage)
        made.rejected += [rejected] if len(rejected) else []
        return kept

    def _values(
        self, rows: pa.RecordBatch, resolved: ResolvedColumn, place: Place
    ) -> tuple[list[pa.Array], list[str], np.ndarray]:
        """Returns the column's arrays, the errors of rows, and bool[n]: which rows' values are not known."""
        errors: list[str] = []
        source_of_row = resolved.source_of_rows(rows)
        keys = thing_digests(rows, resolved.column.of)
        parts: list[list[pa.Array]] = [[] for _ in resolved.fields]
        order, unknown = [np.flatnonzero(source_of_row < 0)], np.zeros(len(rows), bool)
        for values, one in zip(parts, resolved.fields, strict=True):
            values.append(pa.nulls(len(order[0]), one.type))
        for number, source in enumerate(resolved.sources):
            of_source = np.flatnonzero(source_of_row == number)
            if not len(of_source):
                continue
            taken = pa.array(of_source)
            columns, failed, is_known = self._of_source(rows.take(taken), keys.take(taken), resolved, source, place)
            for values, column in zip(parts, columns, strict=True):
                values.append(column)
            errors += failed
            unknown[of_source[~is_known]] = True
            order.append(of_source)
        back = pa.array(np.argsort(np.concatenate(order), kind="stable"))
        return [pa.concat_arrays(values).take(back) for values in parts], errors, unknown

    def _of_source(
        self, rows: pa.RecordBatch, keys: pa.Array, resolved: ResolvedColumn, source: Source, place: Place
    ) -> tuple[list[pa.Array], list[str], np.ndarray]:
        """Returns the values of one maker's rows, the errors of those that have one, and which values are known."""
        column = resolved.column
        fingerprint = source.fingerprint
        if column.name in self.models:
            fingerprint = fingerprint_of({"maker": fingerprint, "model": self.models[column.name]})
        store = ColumnStore(self.folder, column.name, fingerprint, resolved.fields)
        there = store.read(place)
        stored = there.table
        found = rows_of(stored, keys)
        if self.makes and found.null_count:
            store.describe(source.info)
            missing = np.flatnonzero(found.is_null())
            first_rows = missing[_first_of_each(keys.take(pa.array(missing)))]
            new = pa.array(first_rows)
            made = self._made(rows.take(new), resolved, source)
            tables = [stored]
            for (start, part), number in zip(made, there.free, strict=False):
                tables.append(store.add(place, number, keys.take(new.slice(start, len(part))), part))
            stored = pa.concat_tables(tables)
            found = rows_of(stored, keys)
        *values, errors = value_columns(stored, resolved.fields, found)
        failed = errors.drop_null().to_pylist()
        if failed:
            count(self.stage, f"failed_{column.name}_rows", len(failed))
        return values, failed, ~found.is_null().to_numpy(zero_copy_only=False)

    def _made(
        self, rows: pa.RecordBatch, resolved: ResolvedColumn, source: Source
    ) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Yields (first row, values) of rows, a part at a time, to be stored before the next is made."""
        maker = self._maker(resolved, source)
        at_once = _at_once(resolved.column, maker)
        part, first, since = [], 0, time.monotonic()
        for start in range(0, len(rows), at_once):
            part.append(self._chunk(rows.slice(start, at_once), resolved, maker))
            end = start + len(part[-1])
            if end < len(rows) and time.monotonic() - since < self.stored_after_s:
                continue
            made, seconds = concat(part), time.monotonic() - since
            count(self.stage, "made_rows", len(made))
            count(self.stage, "make_msec", int(seconds * 1000))
            _LOG.info("column %s: %d made in %.1f s", resolved.column.name, len(made), seconds)
            _warn_of_errors(resolved.column.name, made)
            yield first, made
            part, first, since = [], end, time.monotonic()

    def _chunk(self, rows: pa.RecordBatch, resolved: ResolvedColumn, maker: ColumnMaker) -> pa.RecordBatch:
        """Returns the values of rows that are in memory together.

        Raises:
            ModelError: the maker fails too often.
        """
        column = resolved.column
        things, faults = self.read(rows, column, maker.takes_pixels)
        made = _with_faults(maker, things, faults, resolved.fields)
        errors = made.column(ERROR).to_pylist()
        failures = self._failures.setdefault(column.name, FailureShare(column))
        failures.add([error for error, fault in zip(errors, faults, strict=True) if fault is None])
        return made

    def _maker(self, resolved: ResolvedColumn, source: Source) -> ColumnMaker:
        key = resolved.column.name, source.model
        if key not in self._makers:
            self._makers[key] = load_source(resolved.column, source)
        return self._makers[key]


def _at_once(column: Column, maker: ColumnMaker) -> int:
    """How many things are read together; for a function of the user's own as many as a call has."""
    most = _TEXTS_AT_ONCE if column.is_of_text else _IMAGES_AT_ONCE
    return min(most, column.batch_size) if isinstance(maker, CallMaker) else most


def _first_of_each(keys: pa.Array) -> np.ndarray:
    """int64[m], the first index of each different digest, rising."""
    indices = keys.dictionary_encode().indices.to_numpy()
    return np.unique(indices, return_index=True)[1]


def _with_faults(
    maker: ColumnMaker, things: tuple[Any, ...], faults: Sequence[str | None], fields: Sequence[pa.Field]
) -> pa.RecordBatch:
    """Returns what a maker says of things, and null of those that could not be read, with why."""
    schema = pa.schema([*fields, pa.field(ERROR, pa.string())])
    good = np.array([fault is None for fault in faults], bool)
    if good.all():
        return maker.make(*things)
    made = maker.make(*things) if good.any() else pa.RecordBatch.from_pylist([], schema=schema)
    rows = np.full(len(good), -1)
    rows[good] = np.arange(good.sum())
    *columns, errors = made.take(pa.array(rows, mask=~good)).columns
    said = [fault or error for fault, error in zip(faults, errors.to_pylist(), strict=True)]
    return pa.RecordBatch.from_arrays([*columns, pa.array(said, pa.string())], schema=schema)


def _warn_of_errors(name: str, made: pa.RecordBatch) -> None:
    errors = [error for error in made.column(ERROR).to_pylist() if error is not None]
    if errors:
        shown = "; ".join(list(dict.fromkeys(errors))[:_ERRORS_SHOWN])
        _LOG.warning("column %s: %d of %d have no value: %s", name, len(errors), len(made), shown)
