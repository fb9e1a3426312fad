"""Exports of a selection: uids, parquet, a webdataset, a table for embedding-atlas, a snippet of Python."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.explorer.labels import LABEL
from babelsift.pipelines.explorer.pairs.load import KEPT, REJECTED
from babelsift.pipelines.explorer.pairs.query import Query, QueryError, Words
from babelsift.pipelines.explorer.projection import project
from babelsift.pipelines.explorer.session import LoadedRun
from babelsift.pipelines.storage.tar_members import TarMembers, end_of_tar
from babelsift.schemas import RunFolderError
from babelsift.schemas.json_values import json_value

_INTERNAL = ("staged_row", "shard")
_ROWS_AT_ONCE = 50_000


@dataclass(frozen=True)
class Exported:
    """What is sent.

    Attributes:
        name: of the file.
        media_type: its type.
        content: its bytes, a block at a time.
    """

    name: str
    media_type: str
    content: Iterable[bytes]


def export(run: LoadedRun, query: Query, kind: str) -> Exported:
    """Returns a selection in a format.

    Args:
        run: that has the pairs.
        query: which of them.
        kind: one of FORMATS.

    Raises:
        QueryError: nothing is selected, or the format cannot hold it.
        ModelError: a projection is asked for and no embeddings are stored.
    """
    rows = run.selection.rows(query)
    if not len(rows):
        raise QueryError("no pair is selected")
    return FORMATS[kind](run, query, rows)


def _uids(run: LoadedRun, _: Query, rows: np.ndarray) -> Exported:
    uids = run.columns.column("uid").take(pa.array(rows)).drop_null()
    blocks = (
        "".join(f"{uid}\n" for uid in uids.slice(start, _ROWS_AT_ONCE).to_pylist()).encode()
        for start in range(0, len(uids), _ROWS_AT_ONCE)
    )
    return Exported("uids.txt", "text/plain", blocks)


def _parquet(run: LoadedRun, _: Query, rows: np.ndarray) -> Exported:
    return Exported("pairs.parquet", "application/vnd.apache.parquet", _parquet_blocks(_plain(run, rows)))


def _atlas(run: LoadedRun, _: Query, rows: np.ndarray) -> Exported:
    """As `embedding-atlas pairs.parquet --text caption --x projection_x --y projection_y` opens it."""
    known, vectors = run.neighbours.vectors()
    chosen = np.flatnonzero(np.isin(known, rows))
    if not len(chosen):
        raise QueryError("no pair of the selection has a stored embedding")
    table = _plain(run, known[chosen])
    for name, values in zip(("projection_x", "projection_y"), project(vectors[chosen]).T, strict=True):
        table = table.append_column(name, pa.array(values))
    return Exported("embedding-atlas.parquet", "application/vnd.apache.parquet", _parquet_blocks(table))


def _plain(run: LoadedRun, rows: np.ndarray) -> pa.Table:
    table = run.table.drop_columns(list(_INTERNAL)).take(pa.array(rows))
    for index, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(index, field.name, table.column(index).cast(field.type.value_type))
    labels = run.columns.column(LABEL).take(pa.array(rows))
    return table.append_column(LABEL, labels)


def _parquet_blocks(table: pa.Table) -> Iterator[bytes]:
    """Yields a parquet file a row group at a time, so that it is never in memory twice."""
    file = _Blocks()
    with pq.ParquetWriter(pa.PythonFile(file, mode="w"), table.schema, compression="zstd") as writer:
        for start in range(0, len(table), _ROWS_AT_ONCE):
            writer.write_table(table.slice(start, _ROWS_AT_ONCE))
            yield file.taken()
    yield file.taken()


class _Blocks(io.RawIOBase):
    """A file that is written from its beginning to its end, and handed on meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self._blocks: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        """Whether it can be written: always."""
        return True

    def write(self, block: Any) -> int:
        """Takes a block; returns its bytes."""
        content = bytes(memoryview(block))
        self._blocks.append(content)
        self._size += len(content)
        return len(content)

    def tell(self) -> int:
        """Returns how many bytes were written."""
        return self._size

    def taken(self) -> bytes:
        """Returns what was written since the last time."""
        blocks, self._blocks = self._blocks, []
        return b"".join(blocks)


def _webdataset(run: LoadedRun, _: Query, rows: np.ndarray) -> Exported:
    return Exported("pairs.tar", "application/x-tar", _samples(run, rows))


def _samples(run: LoadedRun, rows: np.ndarray) -> Iterator[bytes]:
    """Yields a tar of the pairs that have an image: .jpg (.png, .webp), .txt and .json each, by uid."""
    members, size = TarMembers(mode=0o444), 0
    names = [name for name in run.table.column_names if name not in _INTERNAL]
    for number in rows.tolist():
        row = run.row(number)
        try:
            image = run.image(number)
        except RunFolderError:  # damaged: the next run of the folder says so
            continue
        if image is None:
            continue
        content, extension = image
        said = {name: json_value(row[name]) for name in names if row[name] is not None}
        files = {
            extension: content,
            "txt": (row["caption"] or "").encode("utf-8", "replace"),
            "json": json.dumps(said, ensure_ascii=False).encode("utf-8", "replace"),
        }
        for suffix, body in files.items():
            blocks = b"".join(members.member(f"{row['uid']}-{number}.{suffix}", body))
            size += len(blocks)
            yield blocks
    yield end_of_tar(size)


def _snippet(run: LoadedRun, query: Query, rows: np.ndarray) -> Exported:
    """Python that reads the same pairs from the run folder: the ledger's and the shards', by the same conditions."""
    stored = {name for dataset in (run.run.pairs(), run.run.rejects()) for name in dataset.schema.names} | {"fate"}
    unsaid = [name for name in query.where if name not in stored]
    unsaid += [name for name, value in (("text", query.text), ("near", query.near)) if value]
    asked = {name: wanted for name, wanted in query.where.items() if name in stored}
    lines = [
        "import babelsift",
        "import pyarrow.compute as pc",
        "",
        f"run = babelsift.open_run({run.run.folder.url!r})",
        f"# {len(rows)} pairs in the explorer" + (f", which also asked for {', '.join(unsaid)}" if unsaid else ""),
        "tables = []",
        *_reading(run, asked, "pairs", KEPT),
        *_reading(run, asked, "rejects", REJECTED),
        'print(sum(map(len, tables)), [table.column("uid").to_pylist()[:5] for table in tables])',
        "",
    ]
    return Exported("selection.py", "text/x-python", ["\n".join(lines).encode()])


def _reading(run: LoadedRun, asked: Mapping[str, object], source: str, fate: str) -> Iterator[str]:
    """Yields the lines that read what is asked for of the shards, or of the ledger."""
    known = set(getattr(run.run, source)().schema.names)
    conditions = []
    for name, wanted in asked.items():
        if name == "fate":
            if isinstance(wanted, Words) and fate not in wanted.words:
                return
        elif name in known:
            conditions.append(_condition(name, wanted))
        elif not (isinstance(wanted, Words) and None in wanted.words):
            yield f"# {source}() has no {name}: no pair of it is read"
            return
    usable = " & ".join(condition for condition in conditions if condition)
    yield f"tables.append(run.{source}().to_table({f'filter={usable}' if usable else ''}))"


def _condition(name: str, wanted: object) -> str:
    field = f"pc.field({name!r})"
    if isinstance(wanted, Words):
        words = [word for word in wanted.words if word is not None]
        met = [f"{field}.isin({words!r})"] if words else []
        met += [f"{field}.is_null()"] if None in wanted.words else []
        return f"({' | '.join(met)})" if met else ""
    low, high = wanted.low, wanted.high  # type: ignore[attr-defined]
    bounds = [f"({field} >= {low!r})"] if low is not None else []
    bounds += [f"({field} <= {high!r})"] if high is not None else []
    return " & ".join(bounds)


FORMATS: dict[str, Callable[[LoadedRun, Query, np.ndarray], Exported]] = {
    "uids": _uids,
    "parquet": _parquet,
    "webdataset": _webdataset,
    "atlas": _atlas,
    "python": _snippet,
}
