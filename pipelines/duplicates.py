"""OUT/duplicates.parquet: for each image that image dedup rejected, who survived it and how near it was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.run_folder import RunFolder
from schemas.duplicates import DUPLICATES_SCHEMA

DUPLICATES = "duplicates"  # the tag of a further output: rows of DUPLICATES_SCHEMA, one a rejected image
DUPLICATES_FILE = "duplicates.parquet"


@dataclass
class WriteDuplicates(beam.PTransform):
    """Writes all rows of DUPLICATES_SCHEMA into one file, sorted by survivor; there is one even where there are none.

    Input: batches of DUPLICATES_SCHEMA. Output: the number of rows.
    """

    folder: RunFolder

    def __post_init__(self) -> None:
        super().__init__()

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[int]:
        """Brings all rows, some 90 bytes each, to one place."""
        one = batches.pipeline | "One" >> beam.Create([None], reshuffle=False)
        return one | "Write" >> beam.Map(write_duplicates, beam.pvalue.AsIter(batches), self.folder)


def write_duplicates(_: None, batches: Iterable[pa.RecordBatch], folder: RunFolder) -> int:
    """Writes the file; returns its rows."""
    rows = pa.Table.from_batches(list(batches), schema=DUPLICATES_SCHEMA)
    rows = rows.sort_by([("survivor", "ascending"), ("uid", "ascending")])
    with folder.writing(DUPLICATES_FILE) as file:
        pq.write_table(rows, file, compression="zstd")
    return len(rows)
