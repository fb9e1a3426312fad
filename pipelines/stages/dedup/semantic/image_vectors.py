"""Stored image embeddings of the rows that are compared: a seeded sample of them, and all with their priority."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from babelsift.filters.dedup import embedding_record, pack_embedding_records
from babelsift.filters.uids import order_keys, uid_bytes
from babelsift.pipelines.core.groups.combine_packed import MergePacked
from babelsift.pipelines.staging.score_store import ScoreStore
from babelsift.pipelines.staging.stored_embeddings import read_embeddings
from babelsift.schemas import similarity_column

_IMAGE = "img_emb"


def compared_rows(batch: pa.RecordBatch, model: str) -> pa.RecordBatch:
    """Returns the rows that a model scored: the others have no embedding of it."""
    return batch.filter(batch.column(similarity_column(model)).is_valid())


def count_compared(batch: pa.RecordBatch, model: str) -> int:
    """Returns how many rows a model scored."""
    return len(compared_rows(batch, model))


def draws(batch: pa.RecordBatch, model: str, seed: int) -> bytes:
    """Returns the draws of the compared rows, packed uint64: the lowest of all rows make the sample."""
    return order_keys(compared_rows(batch, model).column("uid"), seed).astype("<u8").tobytes()


class LowestDraws(MergePacked):
    """Merges packed draws into the lowest `most`, sorted."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def merge(self, packed: list[bytes]) -> bytes:
        """Returns the lowest draws of several arrays."""
        return np.sort(np.frombuffer(b"".join(packed), "<u8"))[: self._most].tobytes()


def read_sample(batch: pa.RecordBatch, store: ScoreStore, seed: int, lowest: bytes) -> Iterator[bytes]:
    """Yields the packed vectors of a batch's rows whose draws are among the lowest."""
    rows = compared_rows(batch, store.name)
    is_drawn = np.isin(order_keys(rows.column("uid"), seed), np.frombuffer(lowest, "<u8"))
    if is_drawn.any():
        yield pack_embedding_records(read_vectors(rows.filter(pa.array(is_drawn)), store))


def read_vectors(rows: pa.RecordBatch, store: ScoreStore) -> np.ndarray:
    """Returns rows that a store has as `embedding_record` rows, priority 0.

    Args:
        rows: DOWNLOAD_SCHEMA's columns, n rows.
        store: where the model's embeddings lie.

    Raises:
        RunFolderError: some are not stored, or are damaged.
    """
    vectors = read_embeddings(store, pa.Table.from_batches([rows]), kinds=(_IMAGE,))[_IMAGE]
    embedded_rows = np.zeros(len(rows), embedding_record(vectors.shape[1]))
    embedded_rows["uid"], embedded_rows["vector"] = uid_bytes(rows.column("uid")), vectors
    return embedded_rows


def vectors_of(batch: pa.RecordBatch, store: ScoreStore) -> Iterator[bytes]:
    """Yields the packed vectors of a batch's compared rows; the higher a similarity, the lower the priority."""
    rows = compared_rows(batch, store.name)
    if len(rows):
        embedded_rows = read_vectors(rows, store)
        embedded_rows["priority"] = -rows.column(similarity_column(store.name)).to_numpy().astype(np.float64)
        yield pack_embedding_records(embedded_rows)
