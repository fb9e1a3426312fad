"""Who counts the rows: what went into and came out of each stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.stages.report.sample_images import uids_in
from babelsift.schemas import IN, OUT, SOURCE_ROWS, Stage
from babelsift.schemas.duplicates import DrawnCluster

Count = tuple[tuple[str, str, str], int]  # ((stage, IN or OUT or a reason, language), rows)


@dataclass
class CountRows(Transform):
    """Counts rows by stage, outcome and language into one {(stage, outcome, language): rows}.

    Input: {"read": ROWS_READ's numbers, "kept": {stage: its kept batches}, "rejected": all ledger batches}. What goes
    into a stage is what its predecessor let out, so that a stage which loses a row cannot hide it.
    """

    def expand(self, inputs: Mapping[str, Any]) -> beam.PCollection[dict]:
        """Counts each collection, then sums."""
        counts = [inputs["read"] | "Read" >> beam.FlatMapTuple(count_read)]
        stages = list(inputs["kept"])
        for stage, following in zip(stages, [*stages[1:], Stage.SHARD], strict=True):
            label = f"Kept{stage.value.title().replace('_', '')}"
            counts.append(inputs["kept"][stage] | label >> beam.FlatMap(count_kept, stage, following))
        counts.append(inputs["rejected"] | "Rejected" >> beam.FlatMap(count_rejected))
        return (
            tuple(counts)
            | "All" >> beam.Flatten()
            | "Typed" >> beam.Map(lambda count: count).with_output_types(tuple[tuple[str, str, str], int])
            | "Sum" >> beam.CombinePerKey(sum)
            | "Gather" >> beam.combiners.ToDict()
        )


def count_read(rows: int, texts: int) -> Iterator[Count]:
    """Yields the rows of a slice, and their texts as into the first stage."""
    yield (Stage.READ.value, SOURCE_ROWS, ""), rows
    yield (Stage.READ.value, IN, ""), texts


def count_kept(batch: pa.RecordBatch, stage: Stage, following: Stage) -> Iterator[Count]:
    """Yields the rows of a kept batch, as out of its stage and into the one that follows."""
    languages = ["language"] if "language" in batch.schema.names else []
    table = pa.Table.from_batches([batch])
    groups = table.group_by(languages).aggregate([([], "count_all")]).to_pylist() if languages else []
    for group in groups or [{"count_all": len(batch)}]:
        yield (stage.value, OUT, group.get("language", "")), group["count_all"]
    yield (following.value, IN, ""), len(batch)


def count_rejected(batch: pa.RecordBatch) -> Iterator[Count]:
    """Yields the rows of a ledger batch by stage, reason and language."""
    table = pa.Table.from_batches([batch]).group_by(["stage", "reason", "language"]).aggregate([([], "count_all")])
    for group in table.to_pylist():
        yield (group["stage"], group["reason"], group["language"] or ""), group["count_all"]


@dataclass
class UrlsOfClusters(Transform):
    """Finds the URLs of the pairs in drawn clusters: one {uid: URL}.

    Input: batches with uid and url, of what dedup stages found.

    Attributes:
        clusters: one list of `DrawnCluster`s.
    """

    clusters: beam.PCollection[list]

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[dict]:
        """Looks the uids up batch by batch."""
        find = beam.FlatMap(urls_of_clusters, beam.pvalue.AsSingleton(self.clusters)).with_output_types(tuple[str, str])
        return batches | "Find" >> find | "Gather" >> beam.combiners.ToDict()


def urls_of_clusters(batch: pa.RecordBatch, clusters: list[DrawnCluster]) -> Iterator[tuple[str, str]]:
    """Yields (uid, URL) of a batch's rows that are in a cluster."""
    wanted = pa.array(sorted(uids_in(clusters)), pa.string())
    rows = batch.filter(pc.is_in(batch.column("uid"), value_set=wanted))
    yield from zip(rows.column("uid").to_pylist(), rows.column("url").to_pylist(), strict=True)
