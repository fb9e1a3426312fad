"""Stage read: from the input's files to batches of pairs, with a uid each and the row that they came from."""

from __future__ import annotations

import csv
import itertools
import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.pipelines.core.stage_outputs import emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.inputs.open_files import open_csv, open_json_lines, open_parquet
from babelsift.pipelines.inputs.parse_pairs import (
    as_pairs,
    carried_from_arrow,
    carried_from_records,
    text_from_arrow,
    text_from_values,
)
from babelsift.pipelines.inputs.slices import InputPlan, InputSlice
from babelsift.schemas import InputError, RejectReason, Stage, ledger_rows

BATCH_ROWS = 2048
ROWS_READ = "rows_read"  # the tag of the output that says how many rows each slice had

_Read = tuple[int, list[pa.RecordBatch], list[pa.RecordBatch]]  # rows, pairs, ledger


@dataclass
class ReadPairs(Transform):
    """Reads the input's slices as batches of pairs.

    Outputs: main: READ_SCHEMA and the carried columns, at most BATCH_ROWS rows a batch. REJECTED: rows that are no
        pair. ROWS_READ: int, rows found in a slice, kept or not.
    """

    plan: InputPlan

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.pvalue.DoOutputsTuple:
        """Spreads the slices over the workers and reads each."""
        return (
            pbegin
            | "Slices" >> beam.Create(list(self.plan.slices), reshuffle=False)
            | "Spread" >> beam.Reshuffle()
            | "Read" >> kept_and_rejected(beam.ParDo(_ReadSlice(self.plan)), {ROWS_READ: int})
        )


class _ReadSlice(beam.DoFn):
    def __init__(self, plan: InputPlan) -> None:
        self._plan = plan

    def process(self, element: InputSlice) -> Iterator[object]:
        total = 0
        for rows, kept, rejected in read_slice(element, self._plan):
            total += rows
            yield from emit(Stage.READ, rows, kept, rejected)
        logging.info("read: %s: %d rows", element.path, total)
        yield beam.pvalue.TaggedOutput(ROWS_READ, total)


def read_slice(part: InputSlice, plan: InputPlan) -> Iterator[_Read]:
    """Yields (rows, [pairs], [ledger rows]) for one slice after another batch of at most BATCH_ROWS rows.

    Raises: InputError: a text file breaks off (its remaining rows cannot be counted), or cannot be opened.
    """
    if part.format == "parquet":
        yield from _read_parquet(part, plan)
        return
    parsed = _parse_json_lines(part) if part.format == "jsonl" else _parse_csv(part)
    numbered = enumerate(parsed)
    try:
        while block := list(itertools.islice(numbered, BATCH_ROWS)):
            yield _from_records(block, part.path, plan)
    except (OSError, EOFError) as error:
        raise InputError(f"{part.path}: breaks off: {error}; replace the file, or remove it from --input") from error


def _read_parquet(part: InputSlice, plan: InputPlan) -> Iterator[_Read]:
    assert part.rows is not None
    done = 0
    try:
        with open_parquet(part) as parquet:
            for batch in parquet.iter_batches(BATCH_ROWS, row_groups=list(part.row_groups)):
                rows = part.first_row + done + np.arange(len(batch))
                pairs, rejected = as_pairs(
                    text_from_arrow(batch.column(plan.url_column)),
                    text_from_arrow(batch.column(plan.caption_column)),
                    carried_from_arrow(batch, plan, part.path),
                    path=part.path,
                    rows=rows,
                )
                done += len(batch)
                yield len(batch), [pairs], [rejected]
    except (OSError, pa.ArrowException) as error:
        # The footer says how many rows cannot be read, so each of them gets its place in the ledger.
        logging.warning("read: %s: rows from %d on cannot be read: %s", part.path, part.first_row + done, error)
        yield _unreadable(part.path, np.arange(part.first_row + done, part.first_row + part.rows), str(error))


def _from_records(block: list[tuple[int, _Parsed]], path: str, plan: InputPlan) -> _Read:
    broken = [(row, parsed.error) for row, parsed in block if parsed.error is not None]
    whole = [(row, parsed.record) for row, parsed in block if parsed.error is None]
    carried, misfits = carried_from_records([record for _, record in whole], plan)
    ledger = []
    if misfits:
        broken_rows = np.array([whole[index][0] for index in misfits])
        found = list(misfits.values())
        ledger.append(_ledger(path, broken_rows, RejectReason.WRONG_TYPE, found))
        fitting = [index for index in range(len(whole)) if index not in misfits]
        carried = carried.take(pa.array(fitting, pa.int64()))
        whole = [whole[index] for index in fitting]
    if broken:
        rows = np.array([row for row, _ in broken])
        ledger.append(_ledger(path, rows, RejectReason.UNREADABLE_ROW, [error for _, error in broken]))
    pairs, rejected = as_pairs(
        text_from_values([record.get(plan.url_column) for _, record in whole]),
        text_from_values([record.get(plan.caption_column) for _, record in whole]),
        carried,
        path=path,
        rows=np.array([row for row, _ in whole], dtype=np.int64),
    )
    return len(block), [pairs], [*ledger, rejected]


@dataclass
class _Parsed:
    """One row of a text file: a record, or why it cannot be parsed."""

    record: dict[str, object] = field(default_factory=dict)
    error: str | None = None


def _parse_csv(part: InputSlice) -> Iterator[_Parsed]:
    with open_csv(part) as rows:
        header = next(rows)
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield _Parsed(error=str(error))
                continue
            if not row:
                continue  # a blank line is no row, as in every CSV reader
            if len(row) != len(header):
                yield _Parsed(error=f"{len(row)} fields where the header has {len(header)}")
            else:
                yield _Parsed(dict(zip(header, row, strict=True)))


def _parse_json_lines(part: InputSlice) -> Iterator[_Parsed]:
    with open_json_lines(part) as lines:
        for line in lines:
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield _Parsed(error=f"not JSON: {error}")
                continue
            if isinstance(record, dict):
                yield _Parsed(record)
            else:
                yield _Parsed(error=f"a JSON {type(record).__name__} where an object is expected")


def _unreadable(path: str, rows: np.ndarray, error: str) -> _Read:
    return len(rows), [], [_ledger(path, rows, RejectReason.UNREADABLE_ROW, [" ".join(error.split())] * len(rows))]


def _ledger(path: str, rows: np.ndarray, reason: RejectReason, values: Iterable[str | None]) -> pa.RecordBatch:
    source = pa.RecordBatch.from_arrays(
        [pa.array([path] * len(rows), pa.string()), pa.array(rows, pa.int64())], names=["source_file", "source_row"]
    )
    texts = [None if value is None else value.encode("utf-8", "replace").decode() for value in values]
    return ledger_rows(
        source, stage=Stage.READ, reasons=[reason.value] * len(rows), values=texts, thresholds=[None] * len(rows)
    )
