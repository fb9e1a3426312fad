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
from babelsift.pipelines.staging.scores.embedding_checksums import EMBEDDINGS, stored_checksums
from babelsift.pipelines.staging.scores.score_store import PAIR_COLUMNS, ScoreStore
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
        RunFolderError: some are not stored, or are damaged; the chunk they were in is scored again by the next run.
    """
    chunks = list(_chunks_of(store, rows))
    embeddings: dict[str, np.ndarray] = {}
    with ThreadPoolExecutor(_REQUESTS_AT_ONCE, thread_name_prefix="embeddings") as pool:
        for kind in kinds:
            read = pool.map(lambda chunk, kind=kind: _read_chunk(store, chunk, kind), chunks)
            for chunk, vectors in zip(chunks, read, strict=True):
                matrix = embeddings.setdefault(kind, np.zeros((len(rows), vectors.shape[1]), np.float16))
                matrix[chunk.targets] = vectors
    return embeddings


@dataclass(frozen=True)
class _Chunk:
    """The rows of a stored chunk that are asked for.

    Attributes:
        shard: the staging shard's number.
        chunk: the chunk's number.
        indices: int64[k], the rows' indices in the chunk, rising.
        targets: int64[k], the indices in the result.
        checksums: see `stored_checksums`.
    """

    shard: int
    chunk: int
    indices: np.ndarray
    targets: np.ndarray
    checksums: dict[str, np.ndarray]


def _chunks_of(store: ScoreStore, rows: pa.Table) -> Iterator[_Chunk]:
    scored = with_uids_as_scored(rows.combine_chunks().to_batches()[0])
    keys = list(zip(*(scored.column(name).to_pylist() for name in PAIR_COLUMNS), strict=True))
    by_shard: dict[int, dict[tuple, int]] = {}
    for row, (shard, key) in enumerate(zip(scored.column("staging_shard").to_pylist(), keys, strict=True)):
        by_shard.setdefault(shard, {})[key] = row
    for shard, row_of_key in sorted(by_shard.items()):
        for number, table in store.chunks(shard):
            stored = zip(*(table.column(name).to_pylist() for name in PAIR_COLUMNS), strict=True)
            matches = [(index, row_of_key.pop(key)) for index, key in enumerate(stored) if key in row_of_key]
            if matches:
                indices, targets = np.array(matches).T
                yield _Chunk(shard, number, indices, targets, stored_checksums(table))
        if row_of_key:
            uid = next(iter(row_of_key))[0]
            raise RunFolderError(
                f"{store.folder.path(store.root)} has no embeddings of uid {uid} and {len(row_of_key) - 1} others of "
                f"staging shard {shard}; run again and they are made"
            )


def _read_chunk(store: ScoreStore, chunk: _Chunk, kind: str) -> np.ndarray:
    path = store.embeddings_path(kind, chunk.shard, chunk.chunk)
    vectors: np.ndarray | None = None
    with contextlib.suppress(FileNotFoundError, ValueError):
        offset, shape = _npy_header(store.folder.read_range(path, 0, _HEADER_BYTES))
        rows = np.concatenate(list(_read_rows(store.folder, path, offset, shape[1], chunk.indices)))
        known = chunk.checksums.get(kind)
        if known is None or [zlib.crc32(row.tobytes()) for row in rows] == known[chunk.indices].tolist():
            vectors = rows
    if vectors is None:
        store.discard_chunk(chunk.shard, chunk.chunk)
        raise RunFolderError(f"{store.folder.path(path)} is damaged; run again: this chunk alone is scored again")
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


def _read_rows(folder: RunFolder, path: str, offset: int, dimension: int, indices: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the rows at rising indices; rows that lie near each other by one request."""
    width = dimension * np.dtype(np.float16).itemsize
    for group in np.split(indices, np.flatnonzero(np.diff(indices) > _MERGED_GAP_ROWS) + 1):
        first, last = int(group[0]), int(group[-1])
        content = folder.read_range(path, offset + first * width, offset + (last + 1) * width)
        yield np.frombuffer(content, np.float16).reshape(last + 1 - first, dimension)[group - first]
