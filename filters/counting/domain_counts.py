"""What became of the URLs of each host and domain, and the hosts that stand out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.counting.count_tables import ROWS, add_counts, count_rows_by
from babelsift.filters.urls import registered_domains, url_hosts

DOWNLOADED, KEPT = "downloaded", "kept"  # what becomes of URLs, beside the reasons for which downloads fail
DOMAINS_SHOWN = 25
HOSTS_A_FAILURE = 5


@dataclass(frozen=True)
class DomainCounts:
    """The domains with the most URLs, and the hosts that failed most.

    Attributes:
        domains: `domain`, `outcome`, `rows` of the largest domains, the largest first.
        failing_hosts: `outcome`, `host`, `rows` of the hosts that failed most so.
        outcomes: `outcome`, `rows` of all URLs.
        domain_count, host_count: how many there are.
    """

    domains: pa.Table
    failing_hosts: pa.Table
    outcomes: pa.Table
    domain_count: int
    host_count: int

    @property
    def by_outcome(self) -> dict[str, int]:
        """{outcome: rows} of all URLs."""
        return dict(zip(*(self.outcomes.column(name).to_pylist() for name in ("outcome", ROWS)), strict=True))

    @property
    def by_domain(self) -> dict[str, dict[str, int]]:
        """{domain: {outcome: rows}} of the largest domains, the largest first."""
        outcomes: dict[str, dict[str, int]] = {}
        for row in self.domains.to_pylist():
            outcomes.setdefault(row["domain"], {})[row["outcome"]] = row[ROWS]
        return outcomes


def count_urls(urls: pa.Array, outcomes: pa.Array) -> pa.Table:
    """Returns how many URLs of a host came to what: `domain`, `host`, `outcome`, `rows`.

    Args:
        urls: string[n], nullable; one without a host is left out.
        outcomes: string[n]: DOWNLOADED, KEPT, or why the download failed.

    >>> urls = pa.array(["http://img.example.org/1", "http://img.example.org/2"])
    >>> count_urls(urls, pa.array(["timeout", "timeout"])).to_pylist()
    [{'domain': 'example.org', 'host': 'img.example.org', 'outcome': 'timeout', 'rows': 2}]
    """
    hosts = url_hosts(urls)
    table = pa.table({"domain": registered_domains(urls), "host": hosts, "outcome": outcomes.cast(pa.string())})
    return count_rows_by(table.filter(hosts.is_valid()))


def summarise_domains(counts: pa.Table) -> DomainCounts:
    """Returns what stands out among counts by host.

    Args:
        counts: as of `count_urls`, all of each domain.

    >>> counts = count_urls(pa.array(["http://a.org/1", "http://b.org/1"]), pa.array(["timeout", "downloaded"]))
    >>> summary = summarise_domains(counts)
    >>> summary.domain_count, summary.failing_hosts.column("host").to_pylist()
    (2, ['a.org'])
    """
    by_domain = add_counts([counts.select(["domain", "outcome", ROWS])])
    by_host = counts.filter(pc.invert(pc.is_in(counts.column("outcome"), value_set=pa.array([DOWNLOADED, KEPT]))))
    return DomainCounts(
        _largest_domains(by_domain),
        _most_failing(add_counts([by_host.select(["outcome", "host", ROWS])])),
        add_counts([counts.select(["outcome", ROWS])]).sort_by([(ROWS, "descending"), ("outcome", "ascending")]),
        pc.count_distinct(counts.column("domain")).as_py(),
        pc.count_distinct(counts.column("host")).as_py(),
    )


def merge_domains(summaries: Iterable[DomainCounts]) -> DomainCounts:
    """Returns what stands out among summaries that have no domain in common.

    Args:
        summaries: at least one.
    """
    parts = list(summaries)
    return DomainCounts(
        _largest_domains(pa.concat_tables([part.domains for part in parts])),
        _most_failing(pa.concat_tables([part.failing_hosts for part in parts])),
        add_counts([part.outcomes for part in parts]).sort_by([(ROWS, "descending"), ("outcome", "ascending")]),
        sum(part.domain_count for part in parts),
        sum(part.host_count for part in parts),
    )


def _largest_domains(by_domain: pa.Table) -> pa.Table:
    asked = by_domain.filter(pc.not_equal(by_domain.column("outcome"), KEPT))  # what was kept was downloaded before
    sums = asked.group_by("domain").aggregate([(ROWS, "sum")])
    largest = sums.sort_by([(f"{ROWS}_sum", "descending"), ("domain", "ascending")]).slice(0, DOMAINS_SHOWN)
    names = largest.column("domain").combine_chunks()
    shown = by_domain.filter(pc.is_in(by_domain.column("domain"), value_set=names))
    rank = pc.index_in(shown.column("domain"), value_set=names)
    ordered = shown.append_column("rank", rank).sort_by(
        [("rank", "ascending"), (ROWS, "descending"), ("outcome", "ascending")]
    )
    return ordered.drop_columns(["rank"])


def _most_failing(by_host: pa.Table) -> pa.Table:
    ordered = by_host.sort_by([("outcome", "ascending"), (ROWS, "descending"), ("host", "ascending")])
    outcomes = np.array(ordered.column("outcome").to_pylist(), dtype=object)
    is_first = np.concatenate([[True], outcomes[1:] != outcomes[:-1]]) if len(outcomes) else np.zeros(0, bool)
    starts = np.flatnonzero(is_first)
    rank = np.arange(len(outcomes)) - np.repeat(starts, np.diff([*starts, len(outcomes)]))
    return ordered.filter(pa.array(rank < HOSTS_A_FAILURE))
