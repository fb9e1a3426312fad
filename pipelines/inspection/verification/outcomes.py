"""What became of a pair's URL since its image was downloaded."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from babelsift.pipelines.fetch import Fetched
from babelsift.schemas import RejectReason
from babelsift.schemas.reasons import OPT_OUTS

_NOT_FOR_GOOD = ("408", "425", "429")
_NO_ANSWER = "robots.txt answered"  # of a server in trouble, which RFC 9309 has nobody ask further: it permits nothing


class Outcome(str, Enum):
    """The kinds of verdict, from nothing happened to what a publisher must hear."""

    SAME = "same"
    CHANGED = "changed"
    GONE = "gone"
    UNREACHABLE = "unreachable"
    OPTED_OUT = "opted_out"


OUTCOMES = tuple(outcome.value for outcome in Outcome)


@dataclass(frozen=True)
class Verdict:
    """What became of one pair's URL.

    Attributes:
        uid: of the pair.
        url: of its image.
        outcome: what became of it.
        reason: a reject reason, `http_404`, or what is another; empty of what is the same.
        detail: what was found, in one short line.
    """

    uid: str
    url: str
    outcome: Outcome
    reason: str = ""
    detail: str = ""


def outcome_of_failure(fetched: Fetched) -> tuple[Outcome, str, str]:
    """Returns (the outcome, its reason, its detail) of a URL that gave no body, after all retries."""
    reason = fetched.reason or RejectReason.PROTOCOL_ERROR
    detail = fetched.detail
    if reason is RejectReason.ROBOTS_DISALLOWED and detail.startswith(_NO_ANSWER):
        return Outcome.UNREACHABLE, reason.value, detail
    if reason in OPT_OUTS:
        return Outcome.OPTED_OUT, reason.value, detail
    if reason is RejectReason.HTTP_STATUS:
        is_gone = detail.startswith("4") and detail not in _NOT_FOR_GOOD
        return Outcome.GONE if is_gone else Outcome.UNREACHABLE, f"http_{detail}", ""
    if reason in (RejectReason.EMPTY_BODY, RejectReason.BODY_TOO_LARGE):
        return Outcome.CHANGED, reason.value, detail
    return Outcome.UNREACHABLE, reason.value, detail


def as_csv(verdicts: Iterable[Verdict]) -> bytes:
    """Returns verdicts as a table that `babelsift remove --uids` takes: uid, outcome, reason, detail."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["uid", "outcome", "reason", "detail"])
    for verdict in sorted(verdicts, key=lambda one: one.uid):
        writer.writerow([verdict.uid, verdict.outcome.value, verdict.reason, verdict.detail])
    return text.getvalue().encode()
