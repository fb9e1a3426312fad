"""Checksums of stored embeddings, a row each, which lie in the metadata of the chunk's parquet file."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pyarrow as pa

EMBEDDINGS = {"img_emb": "image_embedding", "text_emb": "text_embedding"}  # kind of file: the results' column


def row_checksums(matrix: np.ndarray) -> np.ndarray:
    """Returns uint32[rows], the CRC-32 of each row's bytes."""
    return np.array([zlib.crc32(row.tobytes()) for row in matrix], dtype="<u4")


def checksum_metadata(kind: str, matrix: np.ndarray) -> dict[str, bytes]:
    """Returns the entry of a chunk's metadata that `stored_checksums` reads.

    Args:
        kind: one of EMBEDDINGS.
        matrix: float16[rows, dimension], as it is stored.
    """
    return {f"{kind}_crc32": base64.b64encode(row_checksums(matrix).tobytes())}


def stored_checksums(table: pa.Table) -> dict[str, np.ndarray]:
    """Returns {kind: uint32[rows]} of a chunk's embeddings; a chunk stored before there were checksums has none."""
    stored = table.schema.metadata or {}
    keys = {kind: f"{kind}_crc32".encode() for kind in EMBEDDINGS}
    return {
        kind: np.frombuffer(base64.b64decode(stored[key]), dtype="<u4") for kind, key in keys.items() if key in stored
    }
