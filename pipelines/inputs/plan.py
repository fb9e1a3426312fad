"""What is to be read: the files behind the globs, their formats, and the columns that they share.

Only footers and first blocks are looked at here, in the driver; the rows are read by the workers.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import fsspec
import pyarrow as pa

from babelsift.pipelines.inputs.open_files import open_csv, open_json_lines, open_parquet
from babelsift.pipelines.inputs.slices import CAPTION_COLUMNS, URL_COLUMNS, InputPlan, InputSlice
from babelsift.schemas import InputError, carried_name, one_line
from babelsift.schemas.suggestions import did_you_mean

_FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}
_SAMPLED_LINES = 1000
_ROW_GROUPS_TOGETHER_ROWS = 100_000


@dataclass(frozen=True)
class _Inspected:
    slices: list[InputSlice]
    schema: pa.Schema
    rows: int


def plan_input(globs: Sequence[str], *, url_column: str | None = None, caption_column: str | None = None) -> InputPlan:
    """Returns the plan for reading every file that the globs match, in the order of their paths.

    Args: globs: paths or fsspec URLs, with or without wildcards. url_column, caption_column: null: the first of
        URL_COLUMNS and CAPTION_COLUMNS that the input has.
    Raises: InputError: a glob matches nothing, a file's format is unknown or unreadable, or a column is missing.
    """
    files = [_classify(path) for path in _expand(globs)]
    with ThreadPoolExecutor(16) as pool:
        inspected = list(pool.map(_inspect, files))
    for file, one in zip(files, inspected, strict=True):
        url_column = _pick(url_column, URL_COLUMNS, one.schema.names, file.path, "--url-col")
        caption_column = _pick(caption_column, CAPTION_COLUMNS, one.schema.names, file.path, "--caption-col")
    assert url_column is not None
    assert caption_column is not None
    carried, sources = _carried(files, inspected, {url_column, caption_column})
    return InputPlan(
        slices=tuple(itertools.chain.from_iterable(one.slices for one in inspected)),
        url_column=url_column,
        caption_column=caption_column,
        carried=carried,
        sources=sources,
        estimated_rows=sum(one.rows for one in inspected),
    )


def _expand(globs: Sequence[str]) -> list[str]:
    paths: set[str] = set()
    for glob in globs:
        try:
            fs, pattern = fsspec.core.url_to_fs(glob)
            # A path that is there is itself, whatever it looks like; not every file system (http) can list, either.
            matches = [pattern] if fs.exists(pattern) and not fs.isdir(pattern) else fs.glob(pattern)
            found = [path for path in matches if not fs.isdir(path)]
        except (OSError, ValueError, ImportError) as error:
            raise InputError(f"cannot look for --input {glob!r}: {error}") from error
        if not found:
            raise InputError(f"no file matches --input {glob!r}; check the path, and quote globs in the shell")
        paths.update(_with_protocol(glob, fs, path) for path in found)
    return sorted(paths)


def _with_protocol(glob: str, fs: fsspec.AbstractFileSystem, path: str) -> str:
    return fs.unstrip_protocol(path) if "://" in glob else path


def _classify(path: str) -> InputSlice:
    stem, compression = path, None
    for suffix, name in _COMPRESSIONS.items():
        if path.lower().endswith(suffix):
            stem, compression = path[: -len(suffix)], name
    for suffix, kind in _FORMATS.items():
        if stem.lower().endswith(suffix):
            return InputSlice(path, kind, compression)
    known = ", ".join(_FORMATS)
    raise InputError(f"{path}: unknown format; names end in {known}, plain or with .gz or .zst after it")


def _inspect(file: InputSlice) -> _Inspected:
    try:
        if file.format == "parquet":
            return _inspect_parquet(file)
        return _inspect_text(file)
    except (OSError, EOFError, ValueError, pa.ArrowException) as error:
        reason = one_line(error, limit=None)
        raise InputError(f"{file.path}: not readable as {file.format}: {reason}; remove or replace it") from error


def _inspect_parquet(file: InputSlice) -> _Inspected:
    with open_parquet(file) as parquet:
        metadata = parquet.metadata
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        schema = parquet.schema_arrow.remove_metadata()
    return _Inspected(list(_parquet_slices(file, sizes)), schema, sum(sizes))


def _parquet_slices(file: InputSlice, sizes: Sequence[int]) -> Iterable[InputSlice]:
    groups: list[int] = []
    first_row = rows = 0
    for group, size in enumerate(sizes):
        groups.append(group)
        rows += size
        if rows >= _ROW_GROUPS_TOGETHER_ROWS or group == len(sizes) - 1:
            yield replace(file, row_groups=tuple(groups), first_row=first_row, rows=rows)
            groups, first_row, rows = [], first_row + rows, 0


def _inspect_text(file: InputSlice) -> _Inspected:
    fs, path = fsspec.core.url_to_fs(file.path)
    file_bytes = fs.size(path) * (4 if file.compression else 1)
    if file.format == "jsonl":
        with open_json_lines(file) as lines:
            sample = list(itertools.islice(lines, _SAMPLED_LINES))
        schema = _json_schema(sample)
        sample_bytes = sum(len(line) for line in sample)
    else:
        with open_csv(file) as rows:
            header = next(rows, None)
            if not header:
                raise InputError(f"{file.path}: is empty; a {file.format} file starts with its column names")
            sample = list(itertools.islice(_rows_without_errors(rows), _SAMPLED_LINES))
        schema = pa.schema([(name, pa.string()) for name in header])
        sample_bytes = sum(len(value) + 1 for row in sample for value in row)
    guess = len(sample) if len(sample) < _SAMPLED_LINES else round(file_bytes / (sample_bytes / len(sample)))
    return _Inspected([file], schema, guess)


def _rows_without_errors(rows: Iterable[list[str]]) -> Iterable[list[str]]:
    import csv

    iterator = iter(rows)
    while True:
        try:
            yield next(iterator)
        except StopIteration:
            return
        except csv.Error:
            continue


def _json_schema(lines: Sequence[str]) -> pa.Schema:
    columns: dict[str, list[object]] = {}
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue  # the row's fate is the ledger's affair
        if isinstance(record, dict):
            for name, value in record.items():
                columns.setdefault(name, []).append(value)
    return pa.schema([(name, _json_type(values)) for name, values in columns.items()])


def _json_type(values: Sequence[object]) -> pa.DataType:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {int}:
        return pa.int64()
    if kinds and kinds <= {int, float}:
        return pa.float64()
    return pa.string()  # text, and whatever is nested or mixed, as its JSON text


def _pick(given: str | None, candidates: Sequence[str], names: Sequence[str], path: str, option: str) -> str:
    if given is not None:
        if given in names:
            return given
        hint = did_you_mean(given, names, otherwise=f"it has {', '.join(names)}")
        raise InputError(f"{path}: has no column {given!r}; {hint} (set {option})")
    for name in candidates:
        if name in names:
            return name
    raise InputError(f"{path}: cannot tell which of its columns to use; it has {', '.join(names)}; set {option}")


def _carried(
    files: Sequence[InputSlice], inspected: Sequence[_Inspected], pair: set[str]
) -> tuple[pa.Schema, dict[str, str]]:
    fields: dict[str, pa.Field] = {}
    sources: dict[str, str] = {}
    for file, one in zip(files, inspected, strict=True):
        for column in one.schema:
            name = carried_name(column.name)
            if column.name in pair:
                continue
            if sources.setdefault(name, column.name) != column.name:
                raise InputError(f"{file.path}: columns {sources[name]!r} and {column.name!r} would both be {name!r}")
            try:
                fields[name] = _unify(fields.get(name), pa.field(name, column.type))
            except pa.ArrowException as error:
                kinds = f"{fields[name].type} elsewhere and {column.type} here"
                raise InputError(f"{file.path}: column {column.name!r} is {kinds}; make the files agree") from error
    return pa.schema(list(fields.values())), sources


def _unify(known: pa.Field | None, found: pa.Field) -> pa.Field:
    if pa.types.is_dictionary(found.type):
        found = found.with_type(found.type.value_type)
    if known is None:
        return found
    if pa.types.is_string(known.type) and pa.types.is_primitive(found.type):
        return known  # numbers here, their text in another file (CSV has only text): text carries both
    if pa.types.is_string(found.type) and pa.types.is_primitive(known.type):
        return found
    merged = pa.unify_schemas([pa.schema([known]), pa.schema([found])], promote_options="permissive")
    return merged.field(0)
