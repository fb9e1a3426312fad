"""OUT/duplicates.parquet: for each duplicate image, which image is kept in its place and how near it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from babelsift.filters.bytes16 import halves
from babelsift.filters.uids import order_keys, uid_bytes
from babelsift.pipelines.core.split_by_partition import SplitByPartition
from babelsift.pipelines.core.transform import Transform, single_element
from babelsift.pipelines.core.wait_for import wait_for
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import DUPLICATES_FILE
from babelsift.schemas.duplicates import DUPLICATES_SCHEMA, TEXT_MERGED, DrawnCluster, bits_text, how_compared

DUPLICATES = "duplicates"  # the tag of a further output: rows of DUPLICATES_SCHEMA, one a duplicate image
URLS = "urls"  # the tag of another: uid and url of the duplicate images and of those that are kept in their place
CLUSTERS_A_KIND = 3
MEMBERS_SHOWN = 5
_PARTS = "staging/duplicates"
_WITH_MERGED = pa.schema([*DUPLICATES_SCHEMA, TEXT_MERGED])
_PART_SCHEMA = pa.schema([*DUPLICATES_SCHEMA, TEXT_MERGED.with_nullable(True)])
_ROW_GROUP = 1 << 20  # rows, as many as pyarrow takes where it is told nothing


@dataclass
class WriteDuplicates(Transform):
    """Writes all rows of DUPLICATES_SCHEMA into one file, sorted by the image that is kept; without rows an empty file.

    Each partition's rows are sorted into a file of their own in staging; one worker then writes these one after the
    other, and holds no more than a row group. One partition spares the files.

    Input: batches of DUPLICATES_SCHEMA. Output: the clusters that `draw_clusters` draws of them, one list.

    Attributes:
        folder: the run folder.
        seed: of the draw.
        after: nothing is written before it is there.
        partitions: ranges of the images that are kept; the file does not depend on how many.
    """

    folder: RunFolder
    seed: int = 0
    after: beam.PCollection | None = None
    partitions: int = 1

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[list]:
        """Sorts by partition, joins, removes the partitions' files."""
        once, waiting = single_element(batches, "Once", None), wait_for(self.after)
        if self.partitions == 1:
            write = beam.Map(write_duplicates, beam.pvalue.AsIter(batches), self.folder, *waiting)
            return once | "Write" >> write | "Draw" >> beam.Map(draw_clusters, self.seed)
        split = beam.ParDo(SplitByPartition(SurvivorRange(self.partitions)))
        parts = (
            batches
            | "OneSchema" >> beam.Map(in_one_schema).with_output_types(pa.RecordBatch)
            | "Split" >> split.with_output_types(tuple[int, pa.RecordBatch])
            | "Group" >> beam.GroupByKey()
            | "WriteSorted" >> beam.Map(write_sorted_part, self.folder, self.seed)
        )
        written = once | "Join" >> beam.Map(join_parts, beam.pvalue.AsList(parts), self.folder, *waiting)
        remove = beam.Map(remove_part, self.folder, *wait_for(written))
        _ = parts | "RemoveParts" >> remove
        return written | "Draw" >> beam.Map(drawn_of_parts, self.seed)


@dataclass(frozen=True)
class SortedPart:
    """A partition's rows, sorted in a file in staging; its number orders the partitions.

    Attributes:
        has_merged: whether its rows have TEXT_MERGED.
        clusters: drawn of its rows.
    """

    number: int
    has_merged: bool
    clusters: tuple[DrawnCluster, ...]

    @property
    def path(self) -> str:
        """The file, within the run folder."""
        return f"{_PARTS}/{self.number:05d}.parquet"


@dataclass(frozen=True)
class SurvivorRange:
    """Says which partition each row belongs to: a range of the uids of the images that are kept."""

    partitions: int

    def __call__(self, batch: pa.RecordBatch) -> np.ndarray:
        """Returns int64[n]."""
        high = halves(uid_bytes(batch.column("survivor")))[0] >> np.uint64(32)
        return (high * np.uint64(self.partitions) >> np.uint64(32)).astype(np.int64)


def in_one_schema(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Returns rows with TEXT_MERGED, null where they have none."""
    if TEXT_MERGED.name not in batch.schema.names:
        batch = batch.append_column(TEXT_MERGED.name, pa.nulls(len(batch), TEXT_MERGED.type))
    return batch.cast(_PART_SCHEMA)


def write_sorted_part(group: tuple[int, Iterable[pa.RecordBatch]], folder: RunFolder, seed: int) -> SortedPart:
    """Writes a partition's rows, sorted."""
    number, batches = group
    rows = _sorted(pa.Table.from_batches(list(batches)))
    has_merged = rows.column(TEXT_MERGED.name).null_count < len(rows)
    part = SortedPart(number, has_merged, tuple(draw_clusters(rows, seed)))
    with folder.writing(part.path) as file:
        pq.write_table(rows, file, compression="zstd")
    return part


def join_parts(_: None, parts: list[SortedPart], folder: RunFolder, after: object = None) -> list[SortedPart]:
    """Writes the file of sorted partitions, row group by row group; returns them."""
    has_merged = any(part.has_merged for part in parts)
    schema = _WITH_MERGED if has_merged else DUPLICATES_SCHEMA
    tables = (_read_part(folder, part) for part in sorted(parts, key=lambda part: part.number))
    with folder.writing(DUPLICATES_FILE) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for group in _row_groups(tables, schema):
            writer.write_table(group, row_group_size=_ROW_GROUP)
    return parts


def remove_part(part: SortedPart, folder: RunFolder, after: object = None) -> None:
    """Removes a partition's file, once all are joined."""
    folder.remove(part.path)


def drawn_of_parts(parts: Iterable[SortedPart], seed: int) -> list[DrawnCluster]:
    """Returns of the clusters drawn of each partition those that `draw_clusters` draws of all rows."""
    of_kind: dict[str, list[DrawnCluster]] = {}
    for cluster in (cluster for part in parts for cluster in part.clusters):
        of_kind.setdefault(cluster.kind, []).append(cluster)
    drawn = []
    for _, clusters in sorted(of_kind.items()):
        keys = order_keys(pa.array([cluster.survivor for cluster in clusters]), seed).tolist()
        ordered = sorted(zip(keys, clusters, strict=True), key=lambda pair: (pair[0], pair[1].survivor))
        drawn += [cluster for _, cluster in ordered[:CLUSTERS_A_KIND]]
    return drawn


def _read_part(folder: RunFolder, part: SortedPart) -> pa.Table:
    with folder.open(part.path) as file:
        return pq.read_table(file)


def _row_groups(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """Cuts tables anew, into row groups as one table of all rows would have."""
    waiting = schema.empty_table()
    for table in tables:
        merged = pc.fill_null(table.column(TEXT_MERGED.name), False)
        table = table.set_column(table.schema.get_field_index(TEXT_MERGED.name), TEXT_MERGED, merged)
        waiting = pa.concat_tables([waiting, table.select(schema.names).cast(schema)])
        while len(waiting) >= _ROW_GROUP:
            yield waiting.slice(0, _ROW_GROUP)
            waiting = waiting.slice(_ROW_GROUP)
    if len(waiting):
        yield waiting


def write_duplicates(_: None, batches: Iterable[pa.RecordBatch], folder: RunFolder, after: object = None) -> pa.Table:
    """Writes the file; returns its rows."""
    rows = _sorted(joined_duplicates(list(batches)))
    with folder.writing(DUPLICATES_FILE) as file:
        pq.write_table(rows, file, compression="zstd")
    return rows


def _sorted(rows: pa.Table) -> pa.Table:
    return rows.sort_by([("survivor", "ascending"), ("uid", "ascending")])


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
    return pa.Table.from_batches([batch.cast(_WITH_MERGED) for batch in whole], schema=_WITH_MERGED)


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
