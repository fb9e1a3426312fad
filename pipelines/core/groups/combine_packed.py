"""Merging packed arrays a partition: what exact deduplication and counting combine before they group."""

from __future__ import annotations

from collections.abc import Iterable

import apache_beam as beam


class MergePacked(beam.CombineFn):
    """Merges packed arrays of one partition into one.

    An accumulator is a merged array and, after it, arrays that wait. They are merged once they outweigh the merged one,
    so that adding n arrays costs n merges of their own size, not n merges of all that came before.

    Args:
        merge_at_bytes: arrays that weigh less than this wait in any case.
    """

    def __init__(self, merge_at_bytes: int = 4 << 20) -> None:
        super().__init__()
        self._merge_at_bytes = merge_at_bytes

    def merge(self, packed: list[bytes]) -> bytes:
        """Returns packed arrays merged into one; associative."""
        raise TypeError(f"{type(self).__name__} does not say how its arrays merge")

    def create_accumulator(self) -> list[bytes]:
        """Returns no array."""
        return []

    def add_input(self, accumulator: list[bytes], element: bytes) -> list[bytes]:
        """Adds an array; merges when those that wait outweigh the merged one."""
        accumulator.append(element)
        waiting = sum(map(len, accumulator[1:]))
        return self.compact(accumulator) if waiting > max(len(accumulator[0]), self._merge_at_bytes) else accumulator

    def merge_accumulators(self, accumulators: Iterable[list[bytes]]) -> list[bytes]:
        """Merges the arrays of all accumulators."""
        return self.compact([packed for accumulator in accumulators for packed in accumulator])

    def compact(self, accumulator: list[bytes]) -> list[bytes]:
        """Merges an accumulator's arrays into one."""
        return [self.merge(accumulator)]

    def extract_output(self, accumulator: list[bytes]) -> bytes:
        """Returns the merged array, packed."""
        return self.merge(accumulator)
