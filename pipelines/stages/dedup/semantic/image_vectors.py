"""Stored image embeddings of the rows that are compared: a seeded sample of them, and all with their priority."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from babelsift.filters.dedup import embedding_record, pack_embedding_records
from babelsift.filters.uids import order_keys, uid_bytes
from babelsift.pipelines.core.groups.combine_packed import MergePacked
from babelsift.pipelines.staging.image_rows import image_rows
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.pipelines.staging.scores.stored_embeddings import read_embeddings
from babelsift.schemas import similarity_column

_IMAGE = "img_emb"


def compared_rows(batch: pa.RecordBatch, model: str) -> pa.RecordBatch:
    """Returns of each image that a model scored with any text the row that stands for it: others have no embedding."""
    return _scored(batch, model)[0]


def _scored(batch: pa.RecordBatch, model: str) -> tuple[pa.RecordBatch, np.ndarray]:
    """Returns (the rows that stand for the images that a model scored, the best similarity of each)."""
    scored = batch.filter(batch.column(similarity_column(model)).is_valid())
    images = image_rows(scored)
    best = np.full(len(images.first), -np.inf)
    np.maximum.at(best, images.of_row, scored.column(similarity_column(model)).to_numpy().astype(np.float64))
    return scored.take(pa.array(images.first)), best


def uids_of_images(batch: pa.RecordBatch, model: str) -> np.ndarray:
    """Returns V16[n], for each row of a batch the uid that stands for its image among those that a model scored."""
    is_scored = batch.column(similarity_column(model)).is_valid().to_numpy(zero_copy_only=False)
    uids, images = uid_bytes(batch.column("uid")), image_rows(batch)
    scored = np.flatnonzero(is_scored)
    standing = scored[image_rows(batch.take(pa.array(scored))).first]
    row_of_image = images.first.copy()
    row_of_image[images.of_row[standing]] = standing
    return uids[row_of_image[images.of_row]]


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
    rows, best = _scored(batch, store.name)
    if len(rows):
        embedded_rows = read_vectors(rows, store)
        embedded_rows["priority"] = -best
        yield pack_embedding_records(embedded_rows)
