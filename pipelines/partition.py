"""Rows to their partitions: buffered in the bundle, so that a shuffle sees few large batches, not one a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from pipelines.batches import concat

_BUFFERED_ROWS = 65_536


class SplitByPartition(beam.DoFn):
    """Yields (partition, rows of that partition) for batches of any rows; at most one a partition each 65 536 rows.

    Args: partition_of: (batch[, side input]) -> int64[n], the partition of each row; importable, so that it pickles.
    """

    def __init__(self, partition_of: Callable[..., np.ndarray]) -> None:
        self._partition_of = partition_of

    def start_bundle(self) -> None:
        """Begins with an empty buffer."""
        self._batches: list[pa.RecordBatch] = []
        self._partitions: list[np.ndarray] = []
        self._rows = 0

    def process(self, element: pa.RecordBatch, side_input: object = None) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Buffers a batch, and yields all when the buffer is full."""
        self._batches.append(element)
        arguments = () if side_input is None else (side_input,)
        self._partitions.append(self._partition_of(element, *arguments))
        self._rows += len(element)
        if self._rows >= _BUFFERED_ROWS:
            yield from self._flush()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        """Yields what is still buffered."""
        window = GlobalWindow()
        for element in self._flush():
            yield WindowedValue(element, window.max_timestamp(), [window])

    def _flush(self) -> Iterator[tuple[int, pa.RecordBatch]]:
        if self._batches:
            yield from split_rows(concat(self._batches), np.concatenate(self._partitions))
        self.start_bundle()


def split_rows(batch: pa.RecordBatch, partitions: np.ndarray) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yields (partition, its rows in their order) for each partition that has any.

    Args: partitions: int[n].
    """
    order = np.argsort(partitions, kind="stable")
    found, starts = np.unique(partitions[order], return_index=True)
    rows = batch.take(pa.array(order))
    for partition, start, end in zip(found, starts, [*starts[1:], len(batch)], strict=True):
        yield int(partition), rows.slice(start, end - start)
