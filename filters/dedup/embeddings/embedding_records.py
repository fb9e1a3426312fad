"""Rows with their embeddings, as they are grouped by cluster, and as bytes for a shuffle."""

from __future__ import annotations

import numpy as np

EARLIER = -np.inf  # the priority of an earlier run's rows: they are kept, whatever lies near them


def embedding_record(dimension: int) -> np.dtype:
    """Returns the type of a row with its vector: uid, priority (the lowest is kept first), float16[dimension].

    Args:
        dimension: of the vectors.
    """
    return np.dtype([("uid", "V16"), ("priority", "<f8"), ("vector", "<f2", (dimension,))])


def pack_embedding_records(rows: np.ndarray) -> bytes:
    """Returns `embedding_record` rows as bytes that say their own dimension.

    Args:
        rows: `embedding_record` of any dimension [n].
    """
    return rows.dtype["vector"].shape[0].to_bytes(4, "little") + rows.tobytes()


def unpack_embedding_records(packed: bytes) -> np.ndarray:
    """Returns the rows that `pack_embedding_records` packed.

    Args:
        packed: from `pack_embedding_records`.
    """
    return np.frombuffer(packed, embedding_record(int.from_bytes(packed[:4], "little")), offset=4)
