"""What gathers in a bundle and leaves it by partition, so that a shuffle sees few large elements, not one a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue


class BundleBuffer(beam.DoFn):
    """Gathers parts, one an element, and yields them by partition whenever enough is in, and at the bundle's end.

    Input: RecordBatches, or whatever `part_of` takes. Output: (partition, whatever `by_partition` makes of the parts).

    Attributes: flush_at_rows: how many rows are enough, or of whatever `rows_of` counts.
    """

    flush_at_rows = 262_144

    def part_of(self, element: pa.RecordBatch, side_input: Any) -> Any:
        """Returns what is gathered of an element; `side_input` is None where the step has none."""
        raise TypeError(f"{type(self).__name__} does not say what it gathers")

    def rows_of(self, part: Any, element: pa.RecordBatch) -> int:
        """Returns what a part adds to the buffer; its element's rows."""
        return len(element)

    def by_partition(self, parts: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Yields (partition, what of the parts belongs there); there is at least one part."""
        raise TypeError(f"{type(self).__name__} does not say how its parts are split")

    def start_bundle(self) -> None:
        """Begins with an empty buffer."""
        self._parts: list[Any] = []
        self._rows = 0

    def process(self, element: pa.RecordBatch, side_input: Any = None) -> Iterator[tuple[int, Any]]:
        """Gathers an element, and yields all when the buffer is full."""
        part = self.part_of(element, side_input)
        self._parts.append(part)
        self._rows += self.rows_of(part, element)
        if self._rows >= self.flush_at_rows:
            yield from self._flush()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        """Yields what is still buffered."""
        window = GlobalWindow()
        for element in self._flush():
            yield WindowedValue(element, window.max_timestamp(), [window])

    def _flush(self) -> Iterator[tuple[int, Any]]:
        if self._parts:
            yield from self.by_partition(self._parts)
        self.start_bundle()
