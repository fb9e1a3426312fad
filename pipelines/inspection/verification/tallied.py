"""Counts of verdicts, as a table for the terminal and for programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from babelsift.pipelines.inspection.verification.outcomes import OUTCOMES, Outcome, Verdict
from babelsift.pipelines.rendering.number_format import clipped, count_text, share_text

_REASONS_SHOWN = 4
_HOSTS_SHOWN = 50
_HOST_WIDTH = 40
_GAP = "  "


@dataclass
class Tally:
    """Verdicts, counted by what became of pairs, why, and on which host."""

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, Counter[str]] = field(default_factory=dict)
    hosts: dict[str, Counter[str]] = field(default_factory=dict)

    @property
    def pairs(self) -> int:
        """How many verdicts there are."""
        return self.outcomes.total()

    @property
    def is_cut_off(self) -> bool:
        """Whether no URL answered at all, so that the network here may be the reason."""
        return bool(self.pairs) and self.outcomes[Outcome.UNREACHABLE.value] == self.pairs

    def add(self, verdict: Verdict) -> None:
        """Counts one more."""
        outcome = verdict.outcome.value
        self.outcomes[outcome] += 1
        if verdict.reason:
            self.reasons.setdefault(outcome, Counter())[verdict.reason] += 1
        self.hosts.setdefault(_host_of(verdict.url), Counter())[outcome] += 1

    def to_json(self) -> dict[str, Any]:
        """Returns the counts for programs."""
        return {
            "pairs": self.pairs,
            "outcomes": {outcome: self.outcomes[outcome] for outcome in OUTCOMES},
            "reasons": {outcome: dict(reasons.most_common()) for outcome, reasons in sorted(self.reasons.items())},
            "hosts": {host: dict(sorted(counts.items())) for host, counts in sorted(self.hosts.items())},
        }

    def table(self) -> str:
        """Returns a line an outcome: pairs, share, and the most frequent reasons."""
        width = max(len(count_text(self.pairs)), 5)
        lines = []
        for outcome in OUTCOMES:
            count = self.outcomes[outcome]
            reasons = self.reasons.get(outcome, Counter())
            shown = [f"{reason} {count_text(of_reason)}" for reason, of_reason in reasons.most_common(_REASONS_SHOWN)]
            shown += ["..."] if len(reasons) > _REASONS_SHOWN else []
            cells = [
                f"{outcome.replace('_', ' '):<11}",
                f"{count_text(count):>{width}}",
                f"{share_text(count, self.pairs):>7}",
                ", ".join(shown),
            ]
            lines.append(_GAP.join(cells).rstrip())
        return "\n".join(lines)

    def table_by_host(self) -> str:
        """Returns a line a host, those with the most pairs that are not the same first."""
        hosts = sorted(self.hosts, key=lambda host: (-_other_than_same(self.hosts[host]), host))
        width = min(max(map(len, [*hosts, "host"])), _HOST_WIDTH)
        lines = [_GAP.join([f"{'host':<{width}}", *(outcome.replace("_", " ") for outcome in OUTCOMES)])]
        for host in hosts[:_HOSTS_SHOWN]:
            counts = self.hosts[host]
            cells = [f"{count_text(counts[outcome]):>{len(outcome)}}" for outcome in OUTCOMES]
            lines.append(_GAP.join([f"{clipped(host, width):<{width}}", *cells]))
        if len(hosts) > _HOSTS_SHOWN:
            lines.append(f"and {count_text(len(hosts) - _HOSTS_SHOWN)} more hosts; --json has all")
        return "\n".join(lines)


def _other_than_same(counts: Counter[str]) -> int:
    return counts.total() - counts[Outcome.SAME.value]


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
