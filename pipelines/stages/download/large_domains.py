"""The domains with so many rows that their URLs are spread over all partitions."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import apache_beam as beam
import pyarrow as pa

from babelsift.filters.urls import registered_domains
from babelsift.pipelines.core.bundle_buffer import BundleBuffer
from babelsift.pipelines.core.shuffled_pieces import entry_pieces
from babelsift.pipelines.core.transform import Transform, single_element
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.staging.partitions import (
    MAX_DOMAIN_SHARE,
    Partitioning,
    SplitDomains,
    add_split_domains,
    read_split_domains,
)

_PARTS = 16  # domains are counted in so many groups; results do not depend on it
_SHOWN = 5
_Counts = dict[str, int]


@dataclass
class FindSplitDomains(Transform):
    """Finds the domains above the share, adds them to the folder's, and gives all of those: one `SplitDomains`.

    Input: batches with url.

    Attributes:
        folder: the run folder.
        partitions: staging partitions: a domain of fewer rows than a partition's share is never split.
        may_split: whether domains are split at all that are not yet. Where hosts are asked at a pace they are not: all
            of a host's URLs are one worker's, who asks for them one after another; others could not be any faster.
    """

    folder: RunFolder
    partitions: int
    may_split: bool = True

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[SplitDomains]:
        """Counts in the bundle, then a group of domains, of which only the largest go on."""
        if not self.may_split:
            return single_element(batches, "Once", self.folder) | "Known" >> beam.Map(known_split_domains)
        share = max(MAX_DOMAIN_SHARE, 1 / self.partitions)
        return (
            batches
            | "Count" >> beam.ParDo(_CountDomains()).with_output_types(tuple[int, dict])
            | "Add" >> beam.CombinePerKey(add_counts)
            | "Largest" >> beam.Map(largest, int(1 / share) + 1)
            | "Together" >> beam.CombineGlobally(merge_largest)
            | "Split" >> beam.Map(domains_above, share)
            | "Write" >> beam.Map(lambda domains, folder: add_split_domains(folder, domains), self.folder)
        )


def known_split_domains(folder: RunFolder) -> SplitDomains:
    """Returns the domains that earlier runs have split; each of them is asked by several workers, which is said."""
    known = read_split_domains(folder)
    if names := sorted(known.first | known.later):
        logging.warning(
            "download: an earlier run without a pace spread the URLs of %s over all workers: several workers ask these "
            "hosts, each at download.requests_per_host_per_s; where that is too much use another --output",
            ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""),
        )
    return known


def add_counts(counts: Iterable[_Counts]) -> _Counts:
    """Returns the sums of several counts."""
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(total)


def largest(group: tuple[int, _Counts], most: int) -> tuple[int, _Counts]:
    """Returns (rows of all domains, the rows of the largest) of one (number, counts)."""
    _, counts = group
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return sum(counts.values()), dict(order[:most])


def merge_largest(parts: Iterable[tuple[int, _Counts]]) -> tuple[int, _Counts]:
    """Returns the same of several groups of domains together."""
    rows = 0
    counts: _Counts = {}
    for part_rows, part_counts in parts:
        rows += part_rows
        counts |= part_counts
    return rows, counts


def domains_above(counted: tuple[int, _Counts], share: float) -> list[str]:
    """Returns the domains that have more than a share of all rows."""
    rows, counts = counted
    return sorted(name for name, count in counts.items() if count > share * rows)


class _CountDomains(BundleBuffer):
    def chunk_of(self, element: pa.RecordBatch, side_input: None) -> _Counts:
        counted = registered_domains(element.column("url")).drop_null().value_counts().to_pylist()
        return {entry["values"]: entry["counts"] for entry in counted}

    def by_partition(self, chunks: Sequence[_Counts]) -> Iterator[tuple[int, _Counts]]:
        counts = add_counts(chunks)
        names = list(counts)
        parts = Partitioning(_PARTS).of_texts(pa.array(names, pa.large_string()))
        by_part: dict[int, _Counts] = {}
        for name, part in zip(names, parts.tolist(), strict=True):
            by_part.setdefault(part, {})[name] = counts[name]
        for part, counts in by_part.items():
            for piece in entry_pieces(counts):
                yield part, piece
