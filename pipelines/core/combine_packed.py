"""Merging packed arrays a partition: what exact deduplication and frequency counting combine before they group."""

from __future__ import annotations

from collections.abc import Iterable

import apache_beam as beam

_WAITING_BYTES = 4 << 20


class MergePacked(beam.CombineFn):
    """Merges packed arrays; parts wait unmerged until they outweigh the merged one, so that adding stays linear."""

    def merge(self, parts: list[bytes]) -> bytes:
        """Returns the parts merged into one, packed; associative."""
        raise TypeError(f"{type(self).__name__} does not say how its parts merge")

    def create_accumulator(self) -> list[bytes]:
        """Nothing yet."""
        return []

    def add_input(self, accumulator: list[bytes], element: bytes) -> list[bytes]:
        """Adds, and merges when what is unmerged has grown."""
        accumulator.append(element)
        waiting = sum(map(len, accumulator[1:]))
        return self.compact(accumulator) if waiting > max(len(accumulator[0]), _WAITING_BYTES) else accumulator

    def merge_accumulators(self, accumulators: Iterable[list[bytes]]) -> list[bytes]:
        """Merges all parts."""
        return self.compact([part for accumulator in accumulators for part in accumulator])

    def compact(self, accumulator: list[bytes]) -> list[bytes]:
        """Merges into one part."""
        return [self.merge(accumulator)]

    def extract_output(self, accumulator: list[bytes]) -> bytes:
        """Returns the merged parts, packed."""
        return self.merge(accumulator)
