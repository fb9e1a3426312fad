"""Rows to their partitions: buffered in the bundle, so that a shuffle sees few large batches, not one a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from babelsift.pipelines.core.batches import concat
from babelsift.pipelines.core.bundle_buffer import BundleBuffer


class SplitByPartition(BundleBuffer):
    """Yields (partition, rows of that partition) for batches of any rows; at most one a partition each 65 536 rows.

    Args: partition_of: (batch[, side input]) -> int64[n], the partition of each row; importable, so that it pickles.
    """

    flush_at_rows = 65_536

    def __init__(self, partition_of: Callable[..., np.ndarray]) -> None:
        self._partition_of = partition_of

    def part_of(self, element: pa.RecordBatch, side_input: Any) -> tuple[pa.RecordBatch, np.ndarray]:
        """Returns the batch and the partition of each of its rows."""
        arguments = () if side_input is None else (side_input,)
        return element, self._partition_of(element, *arguments)

    def by_partition(self, parts: Sequence[tuple[pa.RecordBatch, np.ndarray]]) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Yields the rows of all parts, a batch a partition."""
        batches, partitions = zip(*parts, strict=True)
        yield from split_rows(concat(list(batches)), np.concatenate(partitions))


def split_rows(batch: pa.RecordBatch, partitions: np.ndarray) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yields (partition, its rows in their order) for each partition that has any.

    Args: partitions: int[n].
    """
    order = np.argsort(partitions, kind="stable")
    found, starts = np.unique(partitions[order], return_index=True)
    rows = batch.take(pa.array(order))
    for partition, start, end in zip(found, starts, [*starts[1:], len(batch)], strict=True):
        yield int(partition), rows.slice(start, end - start)
