"""What the report is written from: everything that the other steps counted, brought to one place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import apache_beam as beam

from babelsift.filters.counting import ColumnCounts
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.stages.report.descriptions import Descriptions
from babelsift.schemas import similarity_column
from babelsift.schemas.duplicates import DrawnCluster

_SINGLE = (
    "counts",
    "kept",
    "rejected",
    "columns",
    "selection",
    "clusters",
    "cluster_urls",
    "descriptions",
)  # of others any number


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
        descriptions: of `DescribeRows`.
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
    descriptions: Descriptions


@dataclass
class GatherReportInputs(Transform):
    """Brings the report's inputs together in one `ReportInputs`.

    Input: a PCollection for each of its fields, by name; `histograms` is {model: PCollection of one dict}.
    """

    def expand(self, inputs: Mapping[str, Any]) -> beam.PCollection[ReportInputs]:
        """Names each element by its input, and gathers all at once: on a cluster each gathering starts workers anew."""
        histograms = [
            histogram | f"Name_{model}" >> beam.Map(_named_histogram, similarity_column(model))
            for model, histogram in inputs["histograms"].items()
        ]
        others = [name for name in sorted(inputs) if name != "histograms"]
        named = [inputs[name] | f"Name_{name}" >> beam.Map(_named, name) for name in others]
        return (
            (*histograms, *named)
            | "Together" >> beam.Flatten()
            | "Gather" >> beam.combiners.ToList()
            | "Inputs" >> beam.Map(report_inputs)
        )


def report_inputs(named: Iterable[tuple[str, Any]]) -> ReportInputs:
    """Returns the report's inputs.

    Args:
        named: (field of `ReportInputs`, element), in any order; of `histograms` an element is (column, histogram).
    """
    gathered: dict[str, list] = {field.name: [] for field in fields(ReportInputs)}
    for name, value in named:
        gathered[name].append(value)
    values: dict[str, Any] = {**gathered, "histograms": dict(gathered["histograms"])}
    for name in _SINGLE:
        [values[name]] = gathered[name]
    return ReportInputs(**values)


def _named(value: Any, name: str) -> tuple[str, Any]:
    return name, value


def _named_histogram(histogram: Any, column: str) -> tuple[str, Any]:
    return "histograms", (column, histogram)
