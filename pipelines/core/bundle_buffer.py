"""Buffers rows within a bundle and emits them by partition, so that a shuffle sees few large elements.

How large is bounded apart from the buffer: see `shuffled_pieces`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.utils.windowed_value import WindowedValue

from babelsift.pipelines.core.bundle_end import at_bundle_end


class BundleBuffer(beam.DoFn):
    """Buffers one chunk an element, and emits them by partition whenever the buffer is full and at the bundle's end.

    Input: RecordBatches, or whatever `chunk_of` takes. Output: (partition, whatever `by_partition` makes of chunks).

    Args:
        flush_at: the size at which the buffer is full: rows, or whatever `size_of` counts.
    """

    def __init__(self, flush_at: int = 262_144) -> None:
        self._flush_at = flush_at

    def chunk_of(self, element: Any, side_input: Any) -> Any:
        """Returns what is buffered of an element; `side_input` is None where the step has none."""
        raise TypeError(f"{type(self).__name__} does not say what it buffers")

    def size_of(self, chunk: Any, element: Any) -> int:
        """Returns how much a chunk adds to the buffer: its element's rows."""
        return len(element)

    def by_partition(self, chunks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Yields (partition, what of the chunks belongs there, in pieces); there is at least one chunk."""
        raise TypeError(f"{type(self).__name__} does not say how its chunks are split")

    def start_bundle(self) -> None:
        """Begins with an empty buffer."""
        self._chunks: list[Any] = []
        self._size = 0

    def process(self, element: Any, side_input: Any = None) -> Iterator[tuple[int, Any]]:
        """Buffers an element, and emits the buffer when it is full."""
        chunk = self.chunk_of(element, side_input)
        self._chunks.append(chunk)
        self._size += self.size_of(chunk, element)
        if self._size >= self._flush_at:
            yield from self._flush()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        """Emits what is still buffered."""
        for element in self._flush():
            yield at_bundle_end(element)

    def _flush(self) -> Iterator[tuple[int, Any]]:
        if self._chunks:
            yield from self.by_partition(self._chunks)
        self.start_bundle()
