"""What a run that ends after a stage leaves: the pairs that came through it, and the account of the others.

OUT/until/STAGE/NNNNN.parquet           the stage's columns and the carried ones, by uid
               /rejects/NNNNN.parquet   the ledger
               /funnel.json             written last; says what it was made from
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
from babelsift.pipelines.run_folder.paths import FUNNEL, PARQUET, REJECTS, UNTIL_FOLDER
from babelsift.pipelines.run_folder.tombstones import Tombstones
from babelsift.schemas import STAGE_ORDER, Funnel, Stage

_ORDER = ("uid", "source_file", "source_row")
_MADE_FROM = "made_from"
_ROWS_A_BATCH = 2048


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
        made_from: digest of the input and the settings that decide which pairs come through.
    """

    folder: RunFolder
    stage: Stage
    partitions: int
    made_from: str

    def expand(self, inputs: Mapping[str, Any]) -> beam.PCollection[dict]:
        """Writes both, then the funnel."""
        where = survivors_folder(self.stage)
        files = (
            self._files(inputs["kept"], where, "Kept"),
            self._files(inputs["rejected"], f"{where}/{REJECTS}", "Rejected"),
        ) | "Files" >> beam.Flatten()
        warnings = beam.pvalue.AsList(inputs["warnings"])
        write = beam.Map(_write_funnel, self.folder, self.stage, warnings, self.made_from, *wait_for(files))
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
    counts: dict, folder: RunFolder, last: Stage, warnings: list[list[str]], made_from: str, after: object = None
) -> dict[str, Any]:
    whole = Funnel.from_counts(counts)
    names = [stage.value for stage in STAGE_ORDER[: STAGE_ORDER.index(last) + 1]]
    until = tuple(stage for stage in whole.stages if stage.stage in names)
    funnel = replace(whole, stages=until, warnings=tuple(chain.from_iterable(sorted(warnings)))).check().to_json()
    folder.write_json(f"{survivors_folder(last)}/{FUNNEL}", {**funnel, _MADE_FROM: made_from})
    return funnel


@dataclass
class ReadSurvivors(Transform):
    """Reads what came through a stage of an earlier run: batches as that stage gave them on.

    Attributes:
        folder: the run folder.
        stage: the stage.
        removed: what was removed from the folder on request since.
    """

    folder: RunFolder
    stage: Stage
    removed: Tombstones

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[pa.RecordBatch]:
        """Spreads the files over the workers."""
        where = survivors_folder(self.stage)
        files = [f"{where}/{name}" for name in self.folder.list(where, PARQUET)]
        return (
            pbegin
            | "Files" >> beam.Create(files, reshuffle=False).with_output_types(str)
            | "Spread" >> beam.Reshuffle()
            | "Read" >> beam.FlatMap(_read_file, self.folder, self.removed).with_output_types(pa.RecordBatch)
        )


def are_survivors(folder: RunFolder, stage: Stage, of: str) -> bool:
    """Whether a folder has all survivors of a stage, made from what is asked for.

    Args:
        of: see `WriteSurvivors.made_from`.
    """
    funnel = folder.read_json(survivors_folder(stage), FUNNEL)
    return funnel is not None and funnel.get(_MADE_FROM) == of


def _read_file(path: str, folder: RunFolder, removed: Tombstones) -> Iterator[pa.RecordBatch]:
    with folder.open(path) as file:
        for batch in pq.ParquetFile(file).iter_batches(_ROWS_A_BATCH):
            yield batch.filter(pa.array(~removed.are_pairs(batch)))
