"""The ledger: every row that was left out, with stage, reason, value and threshold, under OUT/rejects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from babelsift.pipelines.core.groups.lowest_per_digest import batch_row_keys
from babelsift.pipelines.core.split_by_partition import SplitByPartition
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.core.wait_for import wait_for
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import REJECTS

# The last ones tell several texts of a row apart that are no pair, and so have no uid.
LEDGER_ORDER = ("uid", "source_file", "source_row", "stage", "reason", "value", "caption")


@dataclass
class WriteLedger(Transform):
    """Writes ledger rows to `rejects/NNNNN.parquet`, sorted by uid in each file.

    Input: batches of LEDGER_SCHEMA. Output: (file name, rows) a file. A row's file follows from where it was read, so
    a bundle that is tried again writes the same file, not another.

    Attributes:
        partitions: the number of files at most.
        after: nothing is written before it is there.
    """

    folder: RunFolder
    partitions: int
    after: beam.PCollection | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.partitions < 1:
            raise ValueError(f"partitions should be at least 1, found {self.partitions}")

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[tuple[str, int]]:
        """Sends each row to its file and writes the files."""
        split = beam.ParDo(SplitByPartition(LedgerPartition(self.partitions)))
        return (
            batches
            | "ToFile" >> split.with_output_types(tuple[int, pa.RecordBatch])
            | "GroupFile" >> beam.GroupByKey()
            | "Write" >> beam.Map(write_ledger_file, self.folder, *wait_for(self.after))
        )


@dataclass(frozen=True)
class LedgerPartition:
    """Says which ledger file each row of a batch belongs to."""

    partitions: int

    def __call__(self, batch: pa.RecordBatch) -> np.ndarray:
        """Returns int64[n]."""
        return (batch_row_keys(batch) % np.uint64(self.partitions)).astype(np.int64)


def write_ledger_file(
    partition: tuple[int, Iterable[pa.RecordBatch]], folder: RunFolder, after: object = None
) -> tuple[str, int]:
    """Writes the ledger file of one (number, batches); returns (its name, its rows)."""
    number, batches = partition
    rows = pa.Table.from_batches(list(batches))
    rows = rows.sort_by([(name, "ascending") for name in LEDGER_ORDER])
    name = f"{number:05d}.parquet"
    with folder.writing(f"{REJECTS}/{name}") as file:
        pq.write_table(rows, file, compression="zstd")
    return name, len(rows)
