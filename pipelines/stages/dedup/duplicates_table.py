"""OUT/duplicates.parquet: for each duplicate image, which image is kept in its place and how near it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.filters.uids import order_keys, uid_bytes
from babelsift.pipelines.core.transform import Transform, single_element
from babelsift.pipelines.core.wait_for import wait_for
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import DUPLICATES_FILE
from babelsift.schemas.duplicates import DUPLICATES_SCHEMA, TEXT_MERGED, DrawnCluster, bits_text, how_compared

DUPLICATES = "duplicates"  # the tag of a further output: rows of DUPLICATES_SCHEMA, one a duplicate image
URLS = "urls"  # the tag of another: uid and url of the duplicate images and of those that are kept in their place
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
    rows = joined_duplicates(list(batches))
    rows = rows.sort_by([("survivor", "ascending"), ("uid", "ascending")])
    with folder.writing(DUPLICATES_FILE) as file:
        pq.write_table(rows, file, compression="zstd")
    return rows


def joined_duplicates(batches: Sequence[pa.RecordBatch]) -> pa.Table:
    """Returns all rows as one table, with TEXT_MERGED where any of them has it."""
    if not any(TEXT_MERGED.name in batch.schema.names for batch in batches):
        return pa.Table.from_batches(batches, schema=DUPLICATES_SCHEMA)
    whole = [
        batch
        if TEXT_MERGED.name in batch.schema.names
        else batch.append_column(TEXT_MERGED.name, pa.array([False] * len(batch)))
        for batch in batches
    ]
    schema = pa.schema([*DUPLICATES_SCHEMA, TEXT_MERGED])
    return pa.Table.from_batches([batch.cast(schema) for batch in whole], schema=schema)


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


def urls_of(batch: pa.RecordBatch, is_duplicate: np.ndarray, survivors: np.ndarray) -> pa.RecordBatch:
    """Returns uid and url of the rows that are duplicates or kept in the place of any.

    Args:
        batch: with uid and url, n rows.
        is_duplicate: bool[n].
        survivors: V16[m], uids of rows of any batch.
    """
    is_survivor = np.isin(uid_bytes(batch.column("uid")).view("S16"), survivors.view("S16"))
    return batch.select(["uid", "url"]).filter(pa.array(is_duplicate | is_survivor))


def _how_near(row: Mapping[str, Any]) -> str:
    if row["cosine"] is not None:
        return f"cosine {row['cosine']:.4f}"
    return f"{bits_text(row['distance'])}{how_compared(row['kind'])}"
