"""OUT/duplicates.parquet: for each duplicate image, which image is kept in its place and how near it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.filters.uids import order_keys
from babelsift.pipelines.core.transform import Transform, single_element
from babelsift.pipelines.core.wait_for import wait_for
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import DUPLICATES_FILE
from babelsift.schemas.duplicates import DUPLICATES_SCHEMA, DrawnCluster

DUPLICATES = "duplicates"  # the tag of a further output: rows of DUPLICATES_SCHEMA, one a duplicate image
CLUSTERS_A_KIND = 3
MEMBERS_SHOWN = 5


@dataclass
class WriteDuplicates(Transform):
    """Writes all rows of DUPLICATES_SCHEMA into one file, sorted by the image that is kept; without rows an empty file.

    Input: batches of DUPLICATES_SCHEMA. Output: the clusters that `draw_clusters` draws of them, one list.

    Attributes:
        folder: the run folder.
        seed: of the draw.
        after: nothing is written before it is there.
    """

    folder: RunFolder
    seed: int = 0
    after: beam.PCollection | None = None

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[list]:
        """Brings all rows, some 90 bytes each, to one worker."""
        write = beam.Map(write_duplicates, beam.pvalue.AsIter(batches), self.folder, *wait_for(self.after))
        return single_element(batches, "Once", None) | "Write" >> write | "Draw" >> beam.Map(draw_clusters, self.seed)


def write_duplicates(_: None, batches: Iterable[pa.RecordBatch], folder: RunFolder, after: object = None) -> pa.Table:
    """Writes the file; returns its rows."""
    rows = pa.Table.from_batches(list(batches), schema=DUPLICATES_SCHEMA)
    rows = rows.sort_by([("survivor", "ascending"), ("uid", "ascending")])
    with folder.writing(DUPLICATES_FILE) as file:
        pq.write_table(rows, file, compression="zstd")
    return rows


def draw_clusters(rows: pa.Table, seed: int) -> list[DrawnCluster]:
    """Draws a few clusters of each kind by the seed, for people to look at, and of each its lowest uids.

    Args:
        rows: of DUPLICATES_SCHEMA, sorted by survivor and uid.
        seed: of the draw.
    """
    drawn = []
    for kind in sorted(rows.column("kind").unique().to_pylist()):
        of_kind = rows.filter(pc.equal(rows.column("kind"), kind))
        survivors = of_kind.column("survivor").unique()
        order = np.argsort(order_keys(survivors, seed), kind="stable")[:CLUSTERS_A_KIND]
        for survivor in survivors.take(pa.array(order)).to_pylist():
            cluster = of_kind.filter(pc.equal(of_kind.column("survivor"), survivor))
            members = [(row["uid"], _how_near(row)) for row in cluster.slice(0, MEMBERS_SHOWN).to_pylist()]
            earlier, kept = (cluster.column(name)[0].as_py() for name in ("earlier_run", "report_only"))
            drawn.append(DrawnCluster(kind, survivor, earlier, kept, len(cluster), tuple(members)))
    return drawn


def _how_near(row: Mapping[str, Any]) -> str:
    if row["cosine"] is not None:
        return f"cosine {row['cosine']:.4f}"
    crop = " of a crop" if row["kind"] == "near_crop" else ""
    return f"{row['distance']} bits{crop}"
