"""Sends rows to their partitions: buffered within the bundle, so that a shuffle sees few large batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from babelsift.pipelines.core.batches import concat
from babelsift.pipelines.core.bundle_buffer import BundleBuffer
from babelsift.pipelines.core.shuffled_pieces import batch_pieces


class SplitByPartition(BundleBuffer):
    """Emits (partition, its rows as batches) for batches of any rows, whenever the buffer is full.

    Args:
        partition_of: (batch[, side input]) -> int64[n], the partition of each row; importable, so that it pickles.
        flush_at: rows at which the buffer is full.
    """

    def __init__(self, partition_of: Callable[..., np.ndarray], flush_at: int = 65_536) -> None:
        super().__init__(flush_at)
        self._partition_of = partition_of

    def chunk_of(self, element: pa.RecordBatch, side_input: Any) -> tuple[pa.RecordBatch, np.ndarray]:
        """Returns the batch and the partition of each of its rows."""
        arguments = () if side_input is None else (side_input,)
        return element, self._partition_of(element, *arguments)

    def by_partition(self, chunks: Sequence[tuple[pa.RecordBatch, np.ndarray]]) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Yields the rows of all chunks, a batch a partition, or several where it is large."""
        batches, partitions = zip(*chunks, strict=True)
        for partition, rows in split_rows(concat(list(batches)), np.concatenate(partitions)):
            for piece in batch_pieces(rows):
                yield partition, piece


def split_rows(batch: pa.RecordBatch, partitions: np.ndarray) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yields (partition, its rows in their order) for each partition that has any.

    Args:
        batch: n rows.
        partitions: int[n].
    """
    if not len(batch):
        return
    order = np.argsort(partitions, kind="stable")
    numbers, starts = np.unique(partitions[order], return_index=True)
    rows = batch.take(pa.array(order))
    for partition, start, end in zip(numbers, starts, [*starts[1:], len(batch)], strict=True):
        yield int(partition), rows.slice(start, end - start)
