"""Draws a few rows for people to look at: at random, nearest to the bounds that decided, and edited captions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.measures import bound_of, distance_to_bound, distances_within
from babelsift.filters.uids import order_keys
from babelsift.pipelines.core.transform import Transform
from babelsift.schemas import CAPTION_BEFORE, Recipe
from babelsift.schemas.reasons import WITHHELD

SAMPLES_A_REASON = 6
SAMPLES_KEPT = 24
SAMPLES_NEAR = 4  # on each side of a bound
NEAR, EDITED = "near", "edited"  # how groups begin that are not drawn at random

_Drawn = tuple[str, list]


@dataclass
class SampleRows(Transform):
    """Draws a few rows a group: {group: [(draw, row as a dict)]}; what is drawn depends on no order.

    Groups: "" of kept rows and "stage reason" of the ledger's, drawn by the seed; "near <bound>" of either, those
    nearest to a bound, which two words name; "edited", of rows with CAPTION_BEFORE.

    Attributes:
        recipe: the run's, with its seed and bounds.
        most: rows a group that is drawn by the seed.
    """

    recipe: Recipe
    most: int

    def expand(
        self, batches: beam.PCollection[pa.RecordBatch] | tuple[beam.PCollection[pa.RecordBatch], ...]
    ) -> beam.PCollection[dict]:
        """Draws from each batch of each collection, then from the draws."""
        collections = batches if isinstance(batches, tuple) else (batches,)
        draw = beam.FlatMap(draw_rows, self.recipe, self.most).with_output_types(tuple[str, list])
        return (
            tuple(rows | f"OfBatch{number}" >> draw for number, rows in enumerate(collections))
            | "Draws" >> beam.Flatten()
            | "Merge" >> beam.CombinePerKey(lowest_drawn, most=self.most)
            | "Gather" >> beam.combiners.ToDict()
        )


def draw_rows(batch: pa.RecordBatch, recipe: Recipe, most: int) -> Iterator[_Drawn]:
    """Yields (group, [(draw, row), ...]) of a batch, the lowest draws of each group."""
    batch = _without_listed(batch)
    draws = order_keys(batch.column("uid").fill_null("0" * 32), recipe.seed)
    yield from _lowest(batch, _groups(batch), draws, most)
    if CAPTION_BEFORE.name in batch.schema.names:
        return
    is_kept = "reason" not in batch.schema.names
    of_bounds = distances_within(batch, recipe) if is_kept else _beyond_bounds(batch)
    for bound, (numbers, distances) in of_bounds.items():
        rows = np.flatnonzero(~np.isnan(distances))
        nearest = rows[np.lexsort((draws[rows], distances[rows]))][:SAMPLES_NEAR]  # ties go by the seed
        if not len(nearest):
            continue
        records = batch.take(pa.array(nearest)).to_pylist()
        if is_kept:
            records = [{**record, "value": f"{numbers[row]:.6g}"} for row, record in zip(nearest, records, strict=True)]
        keys = [(float(distances[row]), int(draws[row])) for row in nearest]
        yield " ".join([NEAR, *bound]), list(zip(keys, records, strict=True))


def _without_listed(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Returns a batch without the rows that are withheld: of those nothing is shown."""
    if "reason" not in batch.schema.names:
        return batch
    is_withheld = pc.is_in(batch.column("reason"), value_set=pa.array([reason.value for reason in WITHHELD]))
    return batch.filter(pc.invert(is_withheld))


def lowest_drawn(samples: Iterable[list], most: int) -> list:
    """Returns the `most` lowest draws of several lists, in order; of those near a bound fewer."""
    drawn = sorted((entry for sample in samples for entry in sample), key=_draw_order)
    return drawn[: SAMPLES_NEAR if drawn and isinstance(drawn[0][0], tuple) else most]


def _draw_order(entry: tuple[Any, Mapping[str, Any]]) -> tuple:
    """Returns what sorts drawn rows; several texts of a row that are no pair differ by what the ledger says of them."""
    draw, row = entry
    texts = (row.get(name) or "" for name in ("uid", "caption", "value"))
    return draw, row["source_file"], row["source_row"], *texts


def _lowest(batch: pa.RecordBatch, groups: list[str], draws: np.ndarray, most: int) -> Iterator[_Drawn]:
    taken: dict[str, list[int]] = {}
    for row in np.argsort(draws, kind="stable"):
        rows = taken.setdefault(groups[row], [])
        if len(rows) < most:
            rows.append(int(row))
    for group, rows in taken.items():
        records = batch.take(pa.array(rows)).to_pylist()
        yield group, [(int(draws[row]), record) for row, record in zip(rows, records, strict=True)]


def _groups(batch: pa.RecordBatch) -> list[str]:
    if CAPTION_BEFORE.name in batch.schema.names:
        return [EDITED] * len(batch)
    if "reason" not in batch.schema.names:
        return [""] * len(batch)
    pairs = zip(batch.column("stage").to_pylist(), batch.column("reason").to_pylist(), strict=True)
    return [f"{stage} {reason}" for stage, reason in pairs]


def _beyond_bounds(batch: pa.RecordBatch) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """Returns {bound: float64[n] twice}, how far rows are beyond their bound; NaN for other rows."""
    columns = (batch.column(name).to_pylist() for name in ("stage", "reason", "value", "threshold"))
    distances: dict[tuple[str, str], np.ndarray] = {}
    for row, (stage, reason, value, threshold) in enumerate(zip(*columns, strict=True)):
        if threshold is None or (distance := distance_to_bound(value, threshold, reason)) is None:
            continue
        distances.setdefault(bound_of(stage, reason, threshold), np.full(len(batch), np.nan))[row] = distance
    return {bound: (of_bound, of_bound) for bound, of_bound in distances.items()}
