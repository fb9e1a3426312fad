"""Stage text_columns: what is said of captions, URLs and rows, before anything is downloaded.

Rows of equal texts meet in one partition, by the text's digest, so that each text is asked about once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.pipelines.core.batches import concat
from babelsift.pipelines.core.split_by_partition import SplitByPartition
from babelsift.pipelines.core.stage_outputs import REJECTED, StageOutputs, emit_step, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.columns.early_conditions import COUNTS, PlacedConditions
from babelsift.pipelines.stages.columns.making import Making, Things
from babelsift.pipelines.stages.columns.resolved import ResolvedColumn
from babelsift.pipelines.staging.columns.column_store import Place
from babelsift.pipelines.staging.columns.digests import partitions_of, thing_digests
from babelsift.schemas import LANGUAGE_SCHEMA, Stage, check
from babelsift.schemas.recipe import Column


@dataclass
class TextColumns(Transform):
    """Adds the columns that are said of captions, URLs and rows, and leaves out rows by the conditions on them.

    Input: batches with LANGUAGE_SCHEMA's columns. Main output: the same with the columns. REJECTED: rows that do not
    meet a condition. COUNTS: how the columns' values are spread.

    Attributes:
        folder: the run folder.
        columns: those of texts, in order.
        placed: the recipe's conditions.
        partitions, first_partitions: of the run folder, now and at first.
        makes: whether what is not stored is made; if not, such rows are REJECTED as not stored.
    """

    folder: RunFolder
    columns: tuple[ResolvedColumn, ...]
    placed: PlacedConditions
    partitions: int = 1
    first_partitions: int | None = None
    makes: bool = True

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> StageOutputs:
        """One shuffle for captions, one for URLs, one for rows, where the recipe has columns of them."""
        rejected, counts = [], []
        kinds = list(dict.fromkeys(one.column.of for one in self.columns))
        for of in kinds:
            columns = tuple(one for one in self.columns if one.column.of == of)
            step = _MakeTextColumns(self, columns, is_last=of == kinds[-1])
            split = beam.ParDo(SplitByPartition(partial(text_partitions, of=of, partitions=self.partitions)))
            outputs = (
                batches
                | f"Split_{of}" >> split.with_output_types(tuple[int, pa.RecordBatch])
                | f"Group_{of}" >> beam.GroupByKey()
                | f"Make_{of}" >> kept_and_rejected(beam.ParDo(step), {COUNTS: dict})
            )
            batches = outputs.kept
            rejected.append(outputs[REJECTED])
            counts.append(outputs[COUNTS])
        return StageOutputs(
            {
                "kept": batches,
                REJECTED: tuple(rejected) | "AllRejected" >> beam.Flatten(),
                COUNTS: tuple(counts) | "AllCounts" >> beam.Flatten(),
            }
        )


def text_partitions(batch: pa.RecordBatch, of: str, partitions: int) -> np.ndarray:
    """Returns int64[n], the partition of the text that each row's columns are said of."""
    return partitions_of(thing_digests(batch, of), partitions)


def read_texts(rows: pa.RecordBatch, column: Column, takes_pixels: bool) -> Things:
    """Returns the texts of rows, or the rows, as a maker takes them; all of them can be read."""
    return (rows if column.of == "row" else rows.column(column.of),), [None] * len(rows)


class _MakeTextColumns(beam.DoFn):
    def __init__(self, stage: TextColumns, columns: tuple[ResolvedColumn, ...], *, is_last: bool) -> None:
        self._folder, self._columns, self._placed, self._makes = stage.folder, columns, stage.placed, stage.makes
        self._partitions, self._first = stage.partitions, stage.first_partitions
        self._is_last = is_last

    def setup(self) -> None:
        self._making = Making(
            self._folder, self._columns, self._placed, Stage.TEXT_COLUMNS, read_texts, makes=self._makes
        )

    def process(self, element: tuple[int, Iterable[pa.RecordBatch]]) -> Iterator[object]:
        number, batches = element
        rows = check(concat(list(batches)).sort_by("uid"), LANGUAGE_SCHEMA, where="text_columns")
        made = self._making.of(rows, Place(number, self._partitions, self._first))
        yield from emit_step(Stage.TEXT_COLUMNS, made.kept, made.rejected, is_last=self._is_last)
        yield beam.pvalue.TaggedOutput(COUNTS, made.counts)

    def teardown(self) -> None:
        self._making.close()
