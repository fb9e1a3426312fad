"""What a process has counted of the run under way: for whoever watches, while Beam's own counters come at the end.

The counts are of work done, so work that a runner does twice is counted twice; the funnel is the account of the run.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

DONE_ROWS = "done_rows"  # of a stage that is long over a batch: what it has done of those it has not given back yet
_HOSTS_COUNTED = 10_000
_HOSTS_TOLD = 20


@dataclass
class StageTally:
    """One stage's counts.

    Attributes:
        began: Unix time of the last count of any stage before its own first one: what a stage does to its first batch
            comes before it counts it.
        latest: Unix time of the last one.
    """

    began: float
    latest: float
    counts: Counter[str] = field(default_factory=Counter)


class Tally:
    """Counts by stage, and what became of downloads; may be used from several threads at once.

    Args:
        clock: Unix time in seconds.

    >>> tally = Tally(clock=lambda: 5.0)
    >>> tally.add("rules", in_rows=10, out_rows=7)
    >>> tally.to_json()["stages"]["rules"]["counts"]
    {'in_rows': 10, 'out_rows': 7}
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._stages: dict[str, StageTally] = {}
        self._downloads: Counter[str] = Counter()
        self._failed_hosts: Counter[str] = Counter()
        self._bytes = 0
        self.began = self._latest = clock()
        self.plan: dict[str, Any] = {}
        self.is_shown = False

    def add(self, stage: str, **counts: int) -> None:
        """Adds to a stage's counts."""
        now = self._clock()
        with self._lock:
            tally = self._stages.setdefault(stage, StageTally(self._latest, now))
            tally.latest = self._latest = now
            for name, count in counts.items():
                tally.counts[name] += count

    def add_download(self, outcome: str, host: str | None, body_bytes: int) -> None:
        """Counts a URL that is done.

        Args:
            outcome: `success`, or the reason of a failure.
            host: of the URL; None: it has none.
            body_bytes: that came in.
        """
        with self._lock:
            self._downloads[outcome] += 1
            self._bytes += body_bytes
            if outcome != "success" and host is not None:
                self._failed_hosts[host] += 1
                if len(self._failed_hosts) > 2 * _HOSTS_COUNTED:
                    self._failed_hosts = Counter(dict(self._failed_hosts.most_common(_HOSTS_COUNTED)))

    def to_json(self) -> dict[str, Any]:
        """Returns plain values, as of now."""
        with self._lock:
            stages: Mapping[str, Any] = {
                name: {"began": tally.began, "latest": tally.latest, "counts": dict(tally.counts)}
                for name, tally in self._stages.items()
            }
            return {
                "at": self._clock(),
                "began": self.began,
                "plan": dict(self.plan),
                "stages": stages,
                "downloads": dict(self._downloads),
                "failed_hosts": dict(self._failed_hosts.most_common(_HOSTS_TOLD)),
                "download_bytes": self._bytes,
            }


_current = Tally()


def current_tally() -> Tally:
    """Returns the tally of this process's run."""
    return _current


def begin_tally() -> Tally:
    """Begins the tally of another run in this process, and returns it; whether runs are shown stays as it was.

    A run that is shown began when it was asked for, so that its clock does not start again once it is prepared.
    """
    global _current
    earlier, _current = _current, Tally()
    _current.is_shown = earlier.is_shown
    if earlier.is_shown and not earlier.plan:
        _current.began = earlier.began
    return _current
