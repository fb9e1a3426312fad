"""What a run that ends after a stage leaves: the pairs that came through it, and the account of the others.

OUT/until/STAGE/NNNNN.parquet           the stage's columns and the carried ones, by uid
               /rejects/NNNNN.parquet   the ledger
               /funnel.json             written last
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.core.groups.lowest_per_digest import batch_row_keys
from babelsift.pipelines.core.split_by_partition import SplitByPartition
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.core.wait_for import wait_for
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import FUNNEL, REJECTS, UNTIL_FOLDER
from babelsift.schemas import STAGE_ORDER, Funnel, Stage

_ORDER = ("uid", "source_file", "source_row")


def survivors_folder(stage: Stage) -> str:
    """Returns the folder, within the run folder, of what comes through a stage."""
    return f"{UNTIL_FOLDER}/{stage.value}"


@dataclass
class WriteSurvivors(Transform):
    """Writes the survivors of a stage, the ledger and the funnel; emits the funnel as JSON's object.

    Input: {"kept": the stage's batches, "rejected": all ledger batches, "counts": CountRows' counts,
    "warnings": lists of sentences for the funnel}.

    Attributes:
        folder: the run folder.
        stage: the last of the run.
        partitions: how many files there are at most, of survivors and of the ledger.
    """

    folder: RunFolder
    stage: Stage
    partitions: int

    def expand(self, inputs: Mapping[str, Any]) -> beam.PCollection[dict]:
        """Writes both, then the funnel."""
        where = survivors_folder(self.stage)
        files = (
            self._files(inputs["kept"], where, "Kept"),
            self._files(inputs["rejected"], f"{where}/{REJECTS}", "Rejected"),
        ) | "Files" >> beam.Flatten()
        warnings = beam.pvalue.AsList(inputs["warnings"])
        write = beam.Map(_write_funnel, self.folder, self.stage, warnings, *wait_for(files))
        return inputs["counts"] | "Funnel" >> write

    def _files(self, batches: beam.PCollection[pa.RecordBatch], where: str, label: str) -> beam.PCollection[str]:
        split = beam.ParDo(SplitByPartition(partial(_partition, partitions=self.partitions)))
        return (
            batches
            | f"Split{label}" >> split.with_output_types(tuple[int, pa.RecordBatch])
            | f"Group{label}" >> beam.GroupByKey()
            | f"Write{label}" >> beam.Map(_write_file, self.folder, where)
        )


def _partition(batch: pa.RecordBatch, partitions: int) -> np.ndarray:
    return (batch_row_keys(batch) % np.uint64(partitions)).astype(np.int64)


def _write_file(partition: tuple[int, Iterable[pa.RecordBatch]], folder: RunFolder, where: str) -> str:
    number, batches = partition
    rows = pa.Table.from_batches(list(batches)).sort_by([(name, "ascending") for name in _ORDER])
    name = f"{where}/{number:05d}.parquet"
    with folder.writing(name) as file:
        pq.write_table(rows, file, compression="zstd")
    return name


def _write_funnel(
    counts: dict, folder: RunFolder, last: Stage, warnings: list[list[str]], after: object = None
) -> dict[str, Any]:
    whole = Funnel.from_counts(counts)
    names = [stage.value for stage in STAGE_ORDER[: STAGE_ORDER.index(last) + 1]]
    until = tuple(stage for stage in whole.stages if stage.stage in names)
    funnel = replace(whole, stages=until, warnings=tuple(chain.from_iterable(sorted(warnings)))).check().to_json()
    folder.write_json(f"{survivors_folder(last)}/{FUNNEL}", funnel)
    return funnel
