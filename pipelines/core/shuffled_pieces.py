"""Cuts what crosses a shuffle into pieces of about a mebibyte, however much a bundle has gathered.

Runners sort what they shuffle in memory that all shuffles of a worker share, and a record has to fit in a part of it:
Flink stops a job whose record does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import uuid4

import numpy as np
import pyarrow as pa

from babelsift.pipelines.core.batches import concat

MAX_SHUFFLED_BYTES = 1 << 20
_PIECE = b"piece"  # in a piece's metadata, while it travels: which batch it is of, and its number there


def array_pieces(records: np.ndarray) -> Iterator[np.ndarray]:
    """Yields an array's records in their order, in arrays of at most MAX_SHUFFLED_BYTES; of no records none.

    >>> [len(piece) for piece in array_pieces(np.zeros(3 << 17, "V16"))]
    [65536, 65536, 65536, 65536, 65536, 65536]
    """
    rows = max(1, MAX_SHUFFLED_BYTES // records.itemsize)
    for start in range(0, len(records), rows):
        yield records[start : start + rows]


def batch_pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yields a batch's rows in their order, in batches of at most MAX_SHUFFLED_BYTES; a row is never cut.

    >>> caption = pa.array(["a" * 300_000] * 4)
    >>> [len(piece) for piece in batch_pieces(pa.record_batch({"caption": caption}))]
    [2, 2]
    """
    if len(batch) <= 1 or batch.nbytes <= MAX_SHUFFLED_BYTES:
        yield batch
        return
    half = len(batch) // 2
    yield from batch_pieces(batch.slice(0, half))
    yield from batch_pieces(batch.slice(half))


def named_pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yields a batch's pieces so that `rejoined` makes the batch of them again; a small batch as it is."""
    pieces = list(batch_pieces(batch))
    if len(pieces) == 1:
        yield batch
        return
    name = uuid4().hex.encode()
    for number, piece in enumerate(pieces):
        yield piece.replace_schema_metadata({**(batch.schema.metadata or {}), _PIECE: b"%s %09d" % (name, number)})


def rejoined(pieces: Iterable[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """Returns the batches that `named_pieces` cut, whose pieces come in any order and all of them."""
    batches = []
    parts: dict[bytes, dict[bytes, pa.RecordBatch]] = {}
    for piece in pieces:
        metadata = dict(piece.schema.metadata or {})
        if _PIECE not in metadata:
            batches.append(piece)
            continue
        name, number = metadata.pop(_PIECE).split()
        parts.setdefault(name, {})[number] = piece.replace_schema_metadata(metadata or None)
    return [*batches, *(concat([by_number[number] for number in sorted(by_number)]) for by_number in parts.values())]


def entry_pieces(counts: dict[str, int]) -> Iterator[dict[str, int]]:
    """Yields counts by name in dicts of at most about MAX_SHUFFLED_BYTES."""
    piece: dict[str, int] = {}
    size = 0
    for name, count in counts.items():
        size += 4 * len(name) + 16  # at most four bytes a character
        if piece and size > MAX_SHUFFLED_BYTES:
            yield piece
            piece, size = {}, 4 * len(name) + 16
        piece[name] = count
    if piece:
        yield piece
