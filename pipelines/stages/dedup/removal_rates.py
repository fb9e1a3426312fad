"""Warns where a stage removed a larger or smaller share of a host's or a language's pairs than expected.

A host of which every image goes serves a placeholder; a language that loses far more than the others has been merged by
something else than what its images show.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa

from babelsift.filters.urls import url_hosts
from babelsift.pipelines.core.transform import Transform
from babelsift.schemas import Stage
from babelsift.schemas.recipe import RemovalRateBounds

_NAMED_GROUPS = 10
_NAMES = {Stage.DEDUP_IMAGES: "Image dedup", Stage.DEDUP_SEMANTIC: "Semantic dedup"}

Tally = tuple[int, int]  # (rows, removed)


@dataclass
class RemovalWarnings(Transform):
    """Names the hosts and languages of which a stage removed more or less than expected.

    Input: {"kept", "rejected"}: batches of a stage. Output: one list of sentences, the largest groups first.

    Attributes:
        stage: which one removed them.
        bounds: of the rate that is expected.
        min_rows: of a host or language; a rate of fewer rows says nothing.
    """

    stage: Stage
    bounds: RemovalRateBounds
    min_rows: int = 100

    def expand(self, inputs: dict[str, beam.PCollection[pa.RecordBatch]]) -> beam.PCollection[list]:
        """Counts the rows and the removed rows of each group, and keeps the groups that are out of bounds."""
        counts = [
            batches | f"Count_{name}" >> beam.FlatMap(tallies, name == "rejected") for name, batches in inputs.items()
        ]
        tallied = tuple(counts) | beam.Flatten() | "Typed" >> beam.Map(_same).with_output_types(tuple[str, Tally])
        return (
            tallied
            | "Sum" >> beam.CombinePerKey(add_tallies)
            | "OutOfBounds" >> beam.Filter(is_out_of_bounds, self.bounds, self.min_rows)
            | "Largest" >> beam.combiners.Top.Of(_NAMED_GROUPS, key=_rows_of)
            | "Say" >> beam.Map(sentences, self.stage, self.bounds)
        )


def tallies(batch: pa.RecordBatch, removed: bool) -> Iterator[tuple[str, Tally]]:
    """Yields (`host NAME` or `language CODE`, (rows, of them removed)) of a batch."""
    for kind, column in (("host", url_hosts(batch.column("url"))), ("language", batch.column("language"))):
        for entry in column.value_counts().to_pylist():
            if entry["values"] is not None:
                yield f"{kind} {entry['values']}", (entry["counts"], entry["counts"] if removed else 0)


def add_tallies(tallies: Iterable[Tally]) -> Tally:
    """Returns the sum of tallies."""
    rows = removed = 0
    for more, more_removed in tallies:
        rows, removed = rows + more, removed + more_removed
    return rows, removed


def is_out_of_bounds(group: tuple[str, Tally], bounds: RemovalRateBounds, min_rows: int) -> bool:
    """Returns whether a group of at least `min_rows` rows lost a share outside of the bounds."""
    rows, removed = group[1]
    lowest, highest = bounds.min_removal_rate, bounds.max_removal_rate
    too_few = lowest is not None and removed < lowest * rows
    too_many = highest is not None and removed > highest * rows
    return rows >= min_rows and (too_few or too_many)


def sentences(groups: list[tuple[str, Tally]], stage: Stage, bounds: RemovalRateBounds) -> list[str]:
    """Returns one sentence a group."""
    warnings: list[str] = []
    for name, (rows, removed) in sorted(groups, key=lambda group: (-group[1][0], group[0])):
        expected = f"{bounds.min_removal_rate or 0:.0%} to {bounds.max_removal_rate or 1:.0%}"
        warnings.append(
            f"{_NAMES[stage]} removed {removed / rows:.1%} of the {rows} pairs of {name}, where {expected} were "
            "expected: look at its clusters in duplicates.parquet."
        )
    return warnings


def _rows_of(group: tuple[str, Tally]) -> tuple[int, str]:
    return group[1][0], group[0]


def _same(value: tuple[str, Tally]) -> tuple[str, Tally]:
    return value
