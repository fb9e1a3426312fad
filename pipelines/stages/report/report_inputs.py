"""What the report is written from: everything that the other steps counted, brought to one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import apache_beam as beam

from babelsift.filters.counting import ColumnCounts
from babelsift.pipelines.core.transform import Transform
from babelsift.schemas import similarity_column
from babelsift.schemas.duplicates import DrawnCluster

_SINGLE = ("counts", "kept", "rejected", "columns", "selection", "clusters", "cluster_urls")  # of others any number


@dataclass(frozen=True)
class ReportInputs:
    """What other steps give the report.

    Attributes:
        counts: {(stage, outcome, language): rows}, of `CountRows`.
        shards: a dict a final shard, of `WriteShards`.
        ledger: (file name, rows) a ledger file, of `WriteLedger`.
        kept: {group: drawn rows that were kept}, of `SampleRows`.
        rejected: {group: drawn rows that were rejected}, of `SampleRows`.
        histograms: {similarity column: {language: {bin: pairs}}}, of `SimilarityHistograms`.
        columns: {column: how it is spread}, of `merged_column_counts`.
        selection: the account of `SelectPairs`.
        concepts: names of the files that `WriteConcepts` wrote.
        warnings: lists of lines, of `RemovalWarnings`.
        clusters: drawn clusters of duplicates, of `WriteDuplicates`.
        cluster_urls: {uid: URL} of their pairs, of `UrlsOfClusters`.
    """

    counts: Mapping[tuple[str, str, str], int]
    shards: list[dict[str, Any]]
    ledger: list[tuple[str, int]]
    kept: Mapping[str, list]
    rejected: Mapping[str, list]
    histograms: dict[str, dict[str, dict[int, int]]]
    columns: Mapping[str, ColumnCounts]
    selection: Mapping[str, Any]
    concepts: list[str]
    warnings: list[list[str]]
    clusters: list[DrawnCluster]
    cluster_urls: Mapping[str, str]


@dataclass
class GatherReportInputs(Transform):
    """Brings the report's inputs together in one `ReportInputs`.

    Input: a PCollection for each of its fields, by name; `histograms` is {model: PCollection of one dict}.
    """

    def expand(self, inputs: Mapping[str, Any]) -> beam.PCollection[ReportInputs]:
        """Makes each input one element, names it, and joins them."""
        pipeline = inputs["counts"].pipeline
        histograms = tuple(
            histogram | f"NameHistogram_{model}" >> beam.Map(_named, similarity_column(model))
            for model, histogram in inputs["histograms"].items()
        )
        merged = histograms | "AllModels" >> beam.Flatten(pipeline=pipeline) | "Histograms" >> beam.combiners.ToDict()
        single = {"histograms": merged} | {name: inputs[name] for name in _SINGLE}
        for name in {field.name for field in fields(ReportInputs)} - single.keys():
            single[name] = inputs[name] | f"List_{name}" >> beam.combiners.ToList()
        named = tuple(single[name] | f"Name_{name}" >> beam.Map(_named, name) for name in sorted(single))
        together = named | "Together" >> beam.Flatten() | "Gather" >> beam.combiners.ToDict()
        return together | "Inputs" >> beam.Map(lambda values: ReportInputs(**values))


def _named(value: Any, name: str) -> tuple[str, Any]:
    return name, value
