"""What became of URLs, by domain and by kind of failure, as rows that a template lays out."""

from __future__ import annotations

from dataclasses import dataclass

from babelsift.filters.counting import DOWNLOADED, KEPT, ROWS, DomainCounts

_FAILURES_NAMED = 3


@dataclass(frozen=True)
class DomainRow:
    """A domain: URLs asked for, downloaded and kept, and its most frequent failures as text."""

    domain: str
    urls: int
    downloaded: int
    kept: int
    failures: str

    @property
    def kept_width(self) -> float:
        """Percent of its URLs that were kept."""
        return 100 * self.kept / self.urls if self.urls else 0.0

    @property
    def lost_later_width(self) -> float:
        """Percent of its URLs that were downloaded and left out later."""
        return 100 * max(self.downloaded - self.kept, 0) / self.urls if self.urls else 0.0


@dataclass(frozen=True)
class FailureRow:
    """A kind of failure: its URLs, and the hosts that failed so most, with how often."""

    failure: str
    urls: int
    hosts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class HostView:
    """What became of the web's part.

    Attributes:
        urls: asked for.
        downloaded: of them.
    """

    urls: int
    downloaded: int
    domain_count: int
    host_count: int
    domains: tuple[DomainRow, ...]
    failures: tuple[FailureRow, ...]


def host_view(counts: DomainCounts | None) -> HostView | None:
    """Returns what became of URLs; None where none was asked for."""
    if counts is None:
        return None
    outcomes = counts.by_outcome
    hosts: dict[str, list[tuple[str, int]]] = {}
    for row in counts.failing_hosts.to_pylist():
        hosts.setdefault(row["outcome"], []).append((row["host"], row[ROWS]))
    failures = [
        FailureRow(outcome, rows, tuple(hosts.get(outcome, ())))
        for outcome, rows in outcomes.items()
        if outcome not in (DOWNLOADED, KEPT)
    ]
    return HostView(
        sum(rows for outcome, rows in outcomes.items() if outcome != KEPT),
        outcomes.get(DOWNLOADED, 0),
        counts.domain_count,
        counts.host_count,
        tuple(_domain_row(domain, of_domain) for domain, of_domain in counts.by_domain.items()),
        tuple(failures),
    )


def _domain_row(domain: str, outcomes: dict[str, int]) -> DomainRow:
    failures = [(name, rows) for name, rows in outcomes.items() if name not in (DOWNLOADED, KEPT)]
    named = ", ".join(f"{name} {rows:,}" for name, rows in failures[:_FAILURES_NAMED])
    urls = outcomes.get(DOWNLOADED, 0) + sum(rows for _, rows in failures)
    return DomainRow(domain, urls, outcomes.get(DOWNLOADED, 0), outcomes.get(KEPT, 0), named)
