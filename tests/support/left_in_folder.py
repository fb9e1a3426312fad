"""Everything that a run folder holds, opened: what is looked for in it is found wherever it is."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yields (path, bytes) of each file as it lies there, and of tables and tars what is in them."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        name = str(path.relative_to(folder))
        yield name, path.read_bytes()
        if path.suffix == ".parquet" and path.stat().st_size:
            yield name, _text_of(pq.read_table(path))
        elif path.suffix == ".tar":
            with tarfile.open(path) as tar:
                for member in tar:
                    yield f"{name}/{member.name}", tar.extractfile(member).read()


def _text_of(table: pa.Table) -> bytes:
    rows = json.dumps(table.to_pylist(), ensure_ascii=False, default=lambda value: value.hex())
    return (rows + json.dumps({str(key): str(value) for key, value in (table.schema.metadata or {}).items()})).encode()


def where(folder: Path, *sought: str | bytes) -> list[tuple[str, str]]:
    """Returns (path, what was found) of everything in the folder that holds any of what is sought."""
    needles = [(one, one.encode() if isinstance(one, str) else one) for one in sought]
    return [(name, str(shown)) for name, content in contents(folder) for shown, needle in needles if needle in content]
