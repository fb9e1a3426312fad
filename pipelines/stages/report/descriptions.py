"""Counts for the report: how measures are spread by language, what became of hosts' URLs, which edits changed captions.

Each is a table of keys and `rows`, so that one step adds all of them up, whatever the order of the batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.counting import (
    DOWNLOADED,
    KEPT,
    DomainCounts,
    add_counts,
    count_numbers_by,
    count_rows_by,
    count_urls,
    merge_domains,
    summarise_domains,
)
from babelsift.filters.measures import MEASURES, ledger_number
from babelsift.filters.uids import digests
from babelsift.pipelines.core.split_by_partition import split_rows
from babelsift.pipelines.core.transform import Transform
from babelsift.schemas import CAPTION_CHANGES, RejectReason, Stage

_ROWS_A_PARTITION = 500_000
_HOSTS, _EDITS = "hosts", "edits"  # kinds of counts, beside the measures' names
_SCORED = frozenset({RejectReason.LANGUAGE_NOT_KEPT.value, RejectReason.LANGUAGE_SCORE_TOO_LOW.value})
Part = tuple[tuple[str, int], pa.Table]  # ((measure or kind of counts, partition), counts)


@dataclass(frozen=True)
class Descriptions:
    """What the report says of a run beside its funnel.

    Attributes:
        measures: name of a measure -> `language`, `value`, `rows` of the pairs that reached its rules.
        hosts: what became of URLs; None where none was asked for.
        edits: edit -> captions that it changed and that passed the rules.
    """

    measures: Mapping[str, pa.Table] = field(default_factory=dict)
    hosts: DomainCounts | None = None
    edits: Mapping[str, int] = field(default_factory=dict)


@dataclass
class DescribeRows(Transform):
    """Counts for the report: one `Descriptions`.

    Input: {"language": batches that stage kept, "download": batches that stage kept, "kept": batches kept at the end,
    "rejected": all ledger batches}.

    Attributes:
        rows: about how many there are; decides in how many partitions hosts are counted.
    """

    rows: int = 0

    def expand(self, inputs: Mapping[str, Any]) -> beam.PCollection[Descriptions]:
        """Counts each collection's batches, adds up, and gathers what stands out."""
        partitions = self.rows // _ROWS_A_PARTITION + 1
        counted = [
            inputs[name] | f"Count_{name}" >> beam.FlatMap(count, *arguments).with_output_types(Part)
            for name, count, *arguments in (
                ("language", describe_captions),
                ("download", describe_images, partitions),
                ("kept", describe_kept, partitions),
                ("rejected", describe_rejected, partitions),
            )
        ]
        return (
            tuple(counted)
            | "All" >> beam.Flatten()
            | "Typed" >> beam.Map(lambda part: part).with_output_types(tuple[tuple[str, int], pa.Table])
            | "Sum" >> beam.CombinePerKey(add_counts)
            | "Summarise" >> beam.MapTuple(summary_of)
            | "Gather" >> beam.combiners.ToList()
            | "Describe" >> beam.Map(descriptions_of)
        )


def describe_captions(batch: pa.RecordBatch) -> Iterator[Part]:
    """Yields the counts of a batch that passed the stage language."""
    for measure in MEASURES:
        if measure.stage in (Stage.RULES, Stage.LANGUAGE):
            yield (measure.name, 0), count_numbers_by(measure.of(batch), batch.column("language"))
    if CAPTION_CHANGES.name in batch.schema.names:
        edits = pc.list_flatten(pc.split_pattern(pc.drop_null(batch.column(CAPTION_CHANGES.name)), ","))
        yield (_EDITS, 0), count_rows_by(pa.table({"edit": pc.utf8_trim_whitespace(edits)}))


def describe_images(batch: pa.RecordBatch, partitions: int) -> Iterator[Part]:
    """Yields the counts of a batch whose images are there."""
    for measure in MEASURES:
        if measure.stage is Stage.IMAGE_RULES:
            yield (measure.name, 0), count_numbers_by(measure.of(batch), batch.column("language"))
    yield from describe_downloaded(batch, partitions)


def describe_downloaded(batch: pa.RecordBatch, partitions: int) -> Iterator[Part]:
    """Yields the counts of a batch's hosts, all of whose images are there."""
    yield from _hosts(batch.column("url"), pa.array([DOWNLOADED] * len(batch)), partitions)


def describe_kept(batch: pa.RecordBatch, partitions: int) -> Iterator[Part]:
    """Yields the counts of a batch that is kept at the end."""
    yield from _hosts(batch.column("url"), pa.array([KEPT] * len(batch)), partitions)


def describe_rejected(batch: pa.RecordBatch, partitions: int) -> Iterator[Part]:
    """Yields the counts of ledger rows: of captions that were left out for them, and of downloads that failed."""
    stages, reasons = batch.column("stage"), batch.column("reason")
    captions = batch.filter(pc.is_in(stages, value_set=pa.array([Stage.RULES.value, Stage.LANGUAGE.value])))
    for measure in MEASURES:
        if measure.stage is Stage.RULES and len(captions):
            yield (measure.name, 0), count_numbers_by(measure.of(captions), captions.column("language"))
        elif measure.stage is Stage.LANGUAGE:
            scored = batch.filter(pc.is_in(reasons, value_set=pa.array(sorted(_SCORED))))
            pairs = zip(scored.column("value").to_pylist(), scored.column("reason").to_pylist(), strict=True)
            scores = pa.array([ledger_number(value, reason) for value, reason in pairs], pa.float64())
            yield (measure.name, 0), count_numbers_by(scores, scored.column("language"))
    # What was removed on request has no URL any more.
    failed = batch.filter(pc.and_(pc.equal(stages, Stage.DOWNLOAD.value), batch.column("url").is_valid()))
    if len(failed):
        status = pc.equal(failed.column("reason"), RejectReason.HTTP_STATUS.value)
        named = pc.binary_join_element_wise(failed.column("reason"), failed.column("value").fill_null(""), " ")
        yield from _hosts(failed.column("url"), pc.if_else(status, named, failed.column("reason")), partitions)


def _hosts(urls: pa.Array, outcomes: pa.Array, partitions: int) -> Iterator[Part]:
    """Yields counts by host, all of a domain in one partition."""
    counts = count_urls(urls, outcomes).combine_chunks()
    numbers = np.frombuffer(digests(counts.column("domain").combine_chunks()).tobytes(), "<u8")[::2]
    [batch] = counts.to_batches() or [None]
    if batch is not None:
        for partition, rows in split_rows(batch, (numbers % np.uint64(partitions)).astype(np.int64)):
            yield (_HOSTS, partition), pa.Table.from_batches([rows])


def summary_of(key: tuple[str, int], counts: pa.Table) -> tuple[str, Any]:
    """Returns a kind of counts, and the counts in order, or of hosts what stands out in a partition."""
    kind, _ = key
    if kind == _HOSTS:
        return kind, summarise_domains(counts)
    return kind, counts.sort_by([(name, "ascending") for name in counts.column_names])


def descriptions_of(summaries: Iterable[tuple[str, Any]]) -> Descriptions:
    """Returns the descriptions, of (measure or kind of counts, counts or a partition's summary) in any order."""
    every = list(summaries)
    hosts = [value for kind, value in every if kind == _HOSTS]
    edits = {edit: rows for kind, value in every if kind == _EDITS for edit, rows in _pairs(value)}
    measures = {
        kind: value for kind, value in sorted(every, key=lambda summary: summary[0]) if kind not in (_HOSTS, _EDITS)
    }
    return Descriptions(measures, merge_domains(hosts) if hosts else None, edits)


def _pairs(counts: pa.Table) -> Iterator[tuple[str, int]]:
    yield from zip(counts.column("edit").to_pylist(), counts.column("rows").to_pylist(), strict=True)
