"""Reading stored embeddings of some rows: by range, only the rows asked for, each checked by its checksum."""

from __future__ import annotations

import contextlib
import io
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.pair_keys import with_uids_as_scored
from babelsift.pipelines.staging.score_store import EMBEDDINGS, PAIR_COLUMNS, ScoreStore, stored_checksums
from babelsift.schemas import RunFolderError

_HEADER_BYTES = 1024  # a .npy file's header is much shorter


_REQUESTS_AT_ONCE = 16


_MERGED_GAP_ROWS = 64


def read_embeddings(
    store: ScoreStore, rows: pa.Table, *, kinds: Sequence[str] = tuple(EMBEDDINGS)
) -> dict[str, np.ndarray]:
    """Returns {kind: float16[rows, dimension]} of the rows' stored embeddings, in the rows' order.

    Args:
        rows: with DOWNLOAD_SCHEMA's columns.
        kinds: of EMBEDDINGS.

    Raises:
        RunFolderError: some are not stored, or are damaged; the part they were in is scored again by the next run.
    """
    parts = list(_parts_of(store, rows))
    found: dict[str, np.ndarray] = {}
    with ThreadPoolExecutor(_REQUESTS_AT_ONCE, thread_name_prefix="embeddings") as pool:
        for kind in kinds:
            read = pool.map(lambda part, kind=kind: _read_part(store, part, kind), parts)
            for part, vectors in zip(parts, read, strict=True):
                matrix = found.setdefault(kind, np.zeros((len(rows), vectors.shape[1]), np.float16))
                matrix[part.wanted] = vectors
    return found


@dataclass(frozen=True)
class _Part:
    """Some rows of one part.

    Attributes:
        places: in the part, rising.
        wanted: the rows' places in what is asked for.
    """

    shard: int
    part: int
    places: np.ndarray
    wanted: np.ndarray
    checksums: dict[str, np.ndarray]


def _parts_of(store: ScoreStore, rows: pa.Table) -> Iterator[_Part]:

    scored = with_uids_as_scored(rows.combine_chunks().to_batches()[0])
    keys = list(zip(*(scored.column(name).to_pylist() for name in PAIR_COLUMNS), strict=True))
    by_shard: dict[int, dict[tuple, int]] = {}
    for row, (shard, key) in enumerate(zip(scored.column("staging_shard").to_pylist(), keys, strict=True)):
        by_shard.setdefault(shard, {})[key] = row
    for shard, wanted in sorted(by_shard.items()):
        for number, table in store.parts(shard):
            stored = zip(*(table.column(name).to_pylist() for name in PAIR_COLUMNS), strict=True)
            matches = [(place, wanted.pop(key)) for place, key in enumerate(stored) if key in wanted]
            if matches:
                places, at = np.array(matches).T
                yield _Part(shard, number, places, at, stored_checksums(table))
        if wanted:
            uid = next(iter(wanted))[0]
            raise RunFolderError(
                f"{store.folder.path(store.root)} has no embeddings of uid {uid} and {len(wanted) - 1} others of "
                f"staging shard {shard}; run again and they are made"
            )


def _read_part(store: ScoreStore, part: _Part, kind: str) -> np.ndarray:
    path = store.embeddings_path(kind, part.shard, part.part)
    vectors: np.ndarray | None = None
    with contextlib.suppress(FileNotFoundError, ValueError):
        offset, shape = _npy_header(store.folder.read_range(path, 0, _HEADER_BYTES))
        rows = np.concatenate(list(_read_rows(store.folder, path, offset, shape[1], part.places)))
        known = part.checksums.get(kind)
        if known is None or [zlib.crc32(row.tobytes()) for row in rows] == known[part.places].tolist():
            vectors = rows
    if vectors is None:
        store.discard_part(part.shard, part.part)
        raise RunFolderError(f"{store.folder.path(path)} is damaged; run again: this part alone is scored again")
    return vectors


def _npy_header(content: bytes) -> tuple[int, tuple[int, ...]]:
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"npy version {version}")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    if len(shape) != 2 or dtype != np.float16:
        raise ValueError(f"npy of {dtype}{shape}")
    return file.tell(), shape


def _read_rows(folder: RunFolder, path: str, offset: int, dimension: int, places: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the rows at rising places; those that lie near each other by one request."""
    width = dimension * np.dtype(np.float16).itemsize
    for group in np.split(places, np.flatnonzero(np.diff(places) > _MERGED_GAP_ROWS) + 1):
        first, last = int(group[0]), int(group[-1])
        content = folder.read_range(path, offset + first * width, offset + (last + 1) * width)
        yield np.frombuffer(content, np.float16).reshape(last + 1 - first, dimension)[group - first]
