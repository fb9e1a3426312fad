"""Reads a slice of the input: its pairs, and a ledger row for each row that is none."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.filters.provenance import license_identifiers
from babelsift.pipelines.inputs.carried.values import as_carried, from_values, json_text
from babelsift.pipelines.inputs.crawl.slices import read_images
from babelsift.pipelines.inputs.documents.document_rows import document_rows
from babelsift.pipelines.inputs.formats import CRAWL_FORMATS, WEBDATASET
from babelsift.pipelines.inputs.pairs import as_pairs, text_from_arrow, unreadable_rows
from babelsift.pipelines.inputs.slices import InputPlan, InputSlice
from babelsift.pipelines.inputs.tables.compression import BROKEN_CONTENT
from babelsift.pipelines.inputs.tables.image_column import urls_of_rows
from babelsift.pipelines.inputs.tables.json_records import NotJsonError
from babelsift.pipelines.inputs.tables.open_tables import open_delimited, open_json, open_parquet
from babelsift.pipelines.inputs.texts import Values, one_text_a_row, several_pairs
from babelsift.pipelines.inputs.webdataset.records import sample_rows
from babelsift.schemas import EXTRA_VALUES, LICENSE, InputError, one_line

BATCH_ROWS = 2048


class SliceRows(NamedTuple):
    """What became of some rows of a slice.

    Attributes:
        rows: how many there are.
        pairs: READ_SCHEMA and what is carried.
        ledger: what is no pair, LEDGER_SCHEMA.
        texts: how many texts the rows have; a row without one counts as one.
    """

    rows: int
    pairs: list[pa.RecordBatch]
    ledger: list[pa.RecordBatch]
    texts: int


def read_slice(part: InputSlice, plan: InputPlan) -> Iterator[SliceRows]:
    """Yields the pairs and the ledger rows of a slice, batch by batch of at most BATCH_ROWS rows.

    Raises:
        InputError: the file system does not give the file, also when asked again; or a text file breaks off, so that
            its remaining rows cannot be counted.
    """
    if part.file.format == "parquet" and not part.layout.is_of_documents:
        yield from _read_parquet(part, plan)
        return
    if part.file.format in CRAWL_FORMATS:
        yield from _read_crawl(part, plan)
        return
    if part.file.format == WEBDATASET:
        yield from _read_records(sample_rows(part.file, part.layout), part, plan)
        return
    try:
        if part.layout.is_of_documents:
            yield from _read_records(document_rows(part.file), part, plan)
            return
        yield from (_read_json if part.file.format.startswith("json") else _read_delimited)(part, plan)
    except BROKEN_CONTENT as error:
        raise InputError(
            f"{part.file.shown}: breaks off: {one_line(error)}; replace the file, or remove it from --input"
        ) from error
    except NotJsonError as error:
        raise InputError(f"{part.file.shown}: {error}; mend the file, or remove it from --input") from error


def _read_parquet(part: InputSlice, plan: InputPlan) -> Iterator[SliceRows]:
    assert part.rows is not None
    done, problem = 0, "the file has fewer rows than its footer says"
    try:
        with open_parquet(part.file) as parquet:
            for batch in _batches(parquet, part):
                pairs, rejected, texts = _pairs_of(
                    part,
                    plan,
                    batch.column,
                    _carried_from_arrow(batch, part, plan),
                    part.first_row + done + np.arange(len(batch)),
                )
                done += len(batch)
                yield SliceRows(len(batch), [pairs], [rejected], texts)
    except (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        # Of the content: what the file system raises comes as InputError.
        problem = one_line(error)
    if done < part.rows:
        # The footer says how many rows cannot be read, so each of them gets its place in the ledger.
        rows = np.arange(part.first_row + done, part.first_row + part.rows)
        logging.warning("read: %s: rows from %d on cannot be read: %s", part.file.shown, rows[0], problem)
        ledger = unreadable_rows(part.file.source, rows, [problem] * len(rows))
        yield SliceRows(len(rows), [], [ledger], len(rows))


def _batches(parquet: pq.ParquetFile, part: InputSlice) -> Iterator[pa.RecordBatch]:
    """Yields the rows of a slice; where they bring images, without them, and with URLs that name them."""
    layout, groups = part.layout, list(part.row_groups)
    if layout.image is None:
        yield from parquet.iter_batches(BATCH_ROWS, row_groups=groups)
        return
    names = parquet.schema_arrow.names
    read = (layout.pair | {index for index in layout.carried if index is not None}) - {layout.image}
    columns = [name for index, name in enumerate(names) if index in read]
    first_row = part.first_row
    for batch in parquet.iter_batches(BATCH_ROWS, row_groups=groups, columns=columns):
        given = text_from_arrow(batch.column(names[layout.url])).texts if layout.url < len(names) else None
        urls = urls_of_rows(pa.nulls(len(batch), pa.string()) if given is None else given, part.file.source, first_row)
        nothing = pa.nulls(len(batch))
        arrays = [batch.column(name) if index in read else nothing for index, name in enumerate(names)]
        arrays[layout.url : layout.url + 1] = [urls]
        yield pa.RecordBatch.from_arrays(arrays, names=[str(index) for index in range(len(arrays))])
        first_row += len(batch)


def _pairs_of(
    part: InputSlice,
    plan: InputPlan,
    values_of: Callable[[int], Values],
    carried: pa.RecordBatch,
    rows: np.ndarray,
) -> tuple[pa.RecordBatch, pa.RecordBatch, int]:
    """Returns (pairs, ledger rows, texts) of rows; see `several_pairs`, the way of rows that have more than a text."""
    layout, source = part.layout, part.file.source
    if layout.license is not None and LICENSE.name in carried.schema.names:
        licenses = license_identifiers(one_text_a_row(values_of(layout.license)).texts)
        carried = carried.set_column(carried.schema.get_field_index(LICENSE.name), LICENSE.name, licenses)
    if plan.text_schema.names:
        return several_pairs(layout, plan, values_of, carried, source=source, rows=rows)
    [[caption]] = layout.captions
    urls, captions = (one_text_a_row(values_of(index)) for index in (layout.url, caption))
    pairs, rejected = as_pairs(urls, captions, carried, source=source, rows=rows)
    return pairs, rejected, len(rows)


def _carried_from_arrow(batch: pa.RecordBatch, part: InputSlice, plan: InputPlan) -> pa.RecordBatch:
    columns = []
    for field, index in zip(plan.carried, part.layout.carried, strict=True):
        try:
            column = pa.nulls(len(batch), field.type) if index is None else as_carried(batch.column(index), field.type)
        except (pa.ArrowException, ValueError) as error:  # a value beside the pair never costs the pair
            logging.warning("read: %s: column %r is left out: %s", part.file.shown, field.name, one_line(error))
            column = pa.nulls(len(batch), field.type)
        columns.append(column)
    return _carried(columns, plan, len(batch))


def _read_delimited(part: InputSlice, plan: InputPlan) -> Iterator[SliceRows]:
    layout, source = part.layout, part.file.source
    first_row = 0
    with open_delimited(part.file, layout) as table:
        for block in table.blocks(BATCH_ROWS):
            columns: Sequence[Sequence[str]] = list(zip(*block.rows, strict=True)) or [()] * layout.width
            count = len(block.rows)
            carried = [
                pa.nulls(count, field.type) if index is None else from_values(columns[index], field.type)[0]
                for field, index in zip(plan.carried, layout.carried, strict=True)
            ]
            pairs, rejected, texts = _pairs_of(
                part,
                plan,
                columns.__getitem__,
                _carried(carried, plan, count),
                first_row + np.array(block.numbers, np.int64),
            )
            ledger = [*_unreadable(source, first_row, block.unreadable), rejected]
            yield SliceRows(block.count, [pairs], ledger, texts + block.count - count)
            first_row += block.count


def _read_json(part: InputSlice, plan: InputPlan) -> Iterator[SliceRows]:
    with open_json(part.file) as rows:
        yield from _read_records(iter(rows), part, plan)


def _read_records(records: Iterator[dict[str, Any] | str], part: InputSlice, plan: InputPlan) -> Iterator[SliceRows]:
    source, layout = part.file.source, part.layout
    keys = layout.keys
    first_row = 0
    while block := list(itertools.islice(records, BATCH_ROWS)):
        unreadable = {number: row for number, row in enumerate(block) if isinstance(row, str)}
        objects = [row for row in block if not isinstance(row, str)]
        numbers = [number for number in range(len(block)) if number not in unreadable]
        pairs, rejected, texts = _pairs_of(
            part,
            plan,
            partial(_values_of, objects, keys),
            _carried_from_objects(objects, part, plan),
            first_row + np.array(numbers, np.int64),
        )
        ledger = [*_unreadable(source, first_row, unreadable), rejected]
        yield SliceRows(len(block), [pairs], ledger, texts + len(unreadable))
        first_row += len(block)


def _read_crawl(part: InputSlice, plan: InputPlan) -> Iterator[SliceRows]:
    source, first_row = part.file.source, 0
    for block in read_images(part.file, rows=BATCH_ROWS, hears_opt_outs=plan.hears_page_opt_outs):
        rows = block.batch
        carried = _carried_from_arrow(rows, part, plan)
        pairs, rejected, texts = _pairs_of(part, plan, rows.column, carried, first_row + block.numbers)
        ledger = [*_unreadable(source, first_row, block.unreadable), *block.left_out_rows(source, first_row), rejected]
        batches = [pairs.slice(start, BATCH_ROWS) for start in range(0, len(pairs), BATCH_ROWS)]
        yield SliceRows(block.count, batches, ledger, texts + block.count - len(rows))
        first_row += block.count


def _values_of(objects: Sequence[dict[str, Any]], keys: Sequence[str], index: int) -> list[Any]:
    return [row.get(keys[index]) for row in objects]


def _carried_from_objects(objects: list[dict[str, Any]], part: InputSlice, plan: InputPlan) -> pa.RecordBatch:
    columns: list[pa.Array] = []
    extra: dict[int, dict[str, Any]] = {}
    for field, index in zip(plan.carried, part.layout.carried, strict=True):
        if field.name == EXTRA_VALUES.name:
            columns.append(_extra_values(objects, extra, part))
        elif index is None:
            columns.append(pa.nulls(len(objects), field.type))
        else:
            key = part.layout.keys[index]
            column, misfits = from_values([row.get(key) for row in objects], field.type)
            for row in misfits:
                extra.setdefault(row, {})[key] = objects[row][key]
            columns.append(column)
    return _carried(columns, plan, len(objects))


def _extra_values(objects: list[dict[str, Any]], extra: dict[int, dict[str, Any]], part: InputSlice) -> pa.Array:
    """Returns what no column holds, as JSON: of misfits, and of keys that first came after the plan was made."""
    known = frozenset(part.layout.keys)
    for row, content in enumerate(objects):
        if not content.keys() <= known:
            extra.setdefault(row, {}).update((key, value) for key, value in content.items() if key not in known)
    texts = [json_text(extra[row]) if row in extra else None for row in range(len(objects))]
    return pa.array(texts, EXTRA_VALUES.type)


def _carried(columns: list[pa.Array], plan: InputPlan, rows: int) -> pa.RecordBatch:
    if columns:
        return pa.RecordBatch.from_arrays(columns, schema=plan.carried)
    return pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))


def _unreadable(source: str, first_row: int, problems: dict[int, str]) -> list[pa.RecordBatch]:
    if not problems:
        return []
    return [unreadable_rows(source, [first_row + number for number in problems], problems.values())]
