"""Small tables in any format, and reading them as a run does."""

from __future__ import annotations

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from tests.support.input_rows import read_rows

ROWS = [
    {"URL": "http://x/1.jpg", "TEXT": "ein Hund", "rank": 1},
    {"URL": "http://x/2.jpg", "TEXT": "一只狗", "rank": 2},
    {"URL": "http://x/3.jpg", "TEXT": "", "rank": 3},
    {"URL": None, "TEXT": "no url", "rank": 4},
]


def write(path, rows):
    """Writes rows in the format and compression that the path's name says."""
    name = path.name.removesuffix(".gz").removesuffix(".zst")
    if name.endswith(".parquet"):
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=2)
        content = sink.getvalue().to_pybytes()
    elif name.endswith(".json"):
        content = json.dumps(rows, ensure_ascii=False).encode()
    elif name.endswith(".jsonl"):
        content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    else:
        mark = "\t" if name.endswith(".tsv") else ","
        lines = [mark.join(rows[0]), *(mark.join(str(value or "") for value in row.values()) for row in rows)]
        content = "\n".join(lines).encode()
    if path.name.endswith(".gz"):
        content = gzip.compress(content)
    elif path.name.endswith(".zst"):
        content = zstandard.compress(content)
    path.write_bytes(content)


def read(plan):
    """Returns what a plan's pairs are, and the rows of the ledger."""
    found = read_rows(plan)
    assert found.rows == len(found.pairs) + len(found.ledger)
    return found.pairs, found.ledger


def fates(rejected):
    """Returns [(source row, reason)]."""
    return [(row["source_row"], row["reason"]) for row in rejected]
