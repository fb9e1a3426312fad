"""Stops a run when too large a share of recent downloads fails, instead of recording the failures."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

from babelsift.pipelines.staging.layout import FAILED_TO_DOWNLOAD
from babelsift.schemas import DownloadError, RejectReason

# Of fewer rows a shard of nothing but failures proves nothing.
_ENOUGH_ROWS = 50
_QUESTIONS = {
    RejectReason.DNS_FAILURE: "is there a name server, and does it answer",
    RejectReason.CONNECTION_FAILURE: "is there a network, and a firewall or proxy that it wants",
    RejectReason.TIMEOUT: "is the network up, and not flooded by download.thread_count",
    RejectReason.TLS_FAILURE: "are the clock right and the certificates of this machine up to date",
    RejectReason.ADDRESS_REFUSED: "are download.allow_addresses and download.ports meant to be so",
    RejectReason.FETCHER_STALLED: "is this machine overloaded",
    RejectReason.DECODE_TIMEOUT: "is this machine overloaded, or download.decode_timeout_s too low",
    RejectReason.DECODER_CRASHED: "is there memory enough for a decoder a core",
    RejectReason.HTTP_STATUS: "do the servers refuse download.user_agent_token, or this address",
}


class FailureRate:
    """The share of failures among a process's latest URLs.

    Args:
        max_rate: highest share of them that may fail; None: any.
        window: how many are looked at.
    """

    def __init__(self, max_rate: float | None, window: int) -> None:
        self._max_rate = max_rate
        self._latest: deque[tuple[str, str] | None] = deque(maxlen=window)
        self._failed = 0
        self._lock = threading.Lock()
        self._users = 0

    def __enter__(self) -> FailureRate:
        with self._lock:
            if not self._users:
                self._latest.clear()  # a new attempt, maybe after the network was mended
                self._failed = 0
            self._users += 1
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1

    def add(self, record: Mapping[str, Any]) -> None:
        """Counts a row that is done.

        Raises:
            DownloadError: of the latest rows too many failed.
        """
        latest = self._latest
        with self._lock:
            if len(latest) == latest.maxlen and latest[0] is not None:
                self._failed -= 1
            latest.append(_failure(record))
            self._failed += latest[-1] is not None
            is_full, failed = len(latest) == latest.maxlen, self._failed
        if is_full and self._is_outside(failed, len(latest)):
            raise self._error(list(latest), f"the last {len(latest)} URLs")

    def check_shard(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Raises DownloadError where too many of a shard's rows failed for it to be recorded."""
        failures = [_failure(record) for record in records]
        failed = len(failures) - failures.count(None)
        if len(records) >= _ENOUGH_ROWS and self._is_outside(failed, len(records)):
            raise self._error(failures, f"{len(records)} URLs")

    def _is_outside(self, failed: int, of: int) -> bool:
        return self._max_rate is not None and failed > self._max_rate * of

    def _error(self, latest: list[tuple[str, str] | None], urls: str) -> DownloadError:
        failures = [failure for failure in latest if failure is not None]
        [(reason, count)] = Counter(reason for reason, _ in failures).most_common(1)
        [(detail, _)] = Counter(detail for other, detail in failures if other == reason).most_common(1)
        question = _QUESTIONS.get(RejectReason(reason), "does this machine see the web as others do")
        return DownloadError(
            f"download: {len(failures) / len(latest):.0%} of {urls} failed, {count / len(latest):.0%} by {reason} "
            f"({detail}): {question}? Nothing of it was recorded: mend it and run the same command again, or raise "
            f"download.max_failure_rate ({self._max_rate:g})"
        )


def _failure(record: Mapping[str, Any]) -> tuple[str, str] | None:
    if record["status"] != FAILED_TO_DOWNLOAD:
        return None
    return record["reason"], record["detail"]
