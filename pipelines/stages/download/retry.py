"""Which failures of earlier runs are to be tried again, by the classes that a user names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from babelsift.schemas import RecipeError, RejectReason
from babelsift.schemas.reasons import OPT_OUTS
from babelsift.schemas.suggestions import did_you_mean

_SHORT = {
    "dns": RejectReason.DNS_FAILURE,
    "connection": RejectReason.CONNECTION_FAILURE,
    "tls": RejectReason.TLS_FAILURE,
    "timeout": RejectReason.TIMEOUT,
    "http": RejectReason.HTTP_STATUS,
    "redirects": RejectReason.TOO_MANY_REDIRECTS,
    "protocol": RejectReason.PROTOCOL_ERROR,
    "truncated": RejectReason.TRUNCATED_BODY,
    "empty": RejectReason.EMPTY_BODY,
    "robots": RejectReason.ROBOTS_DISALLOWED,
    "hash": RejectReason.HASH_MISMATCH,
    "stalled": RejectReason.FETCHER_STALLED,
    "decode": RejectReason.DECODE_TIMEOUT,
    "crashed": RejectReason.DECODER_CRASHED,
    "hash_list": RejectReason.ON_HASH_LIST,
}
_REASONS = (*_SHORT.values(), RejectReason.ADDRESS_REFUSED, *OPT_OUTS, RejectReason.NOT_AN_IMAGE)
_REASONS += (RejectReason.IMAGE_UNDECODABLE, RejectReason.BODY_TOO_LARGE, RejectReason.URL_INVALID)
_ALL = "all"
_OPT_OUTS = "opt_outs"
_UNHASHED = "unhashed"
_STATUS = re.compile(r"[1-5]([0-9]{2}|xx)\Z")


@dataclass(frozen=True)
class Retry:
    """What is to be tried again.

    Attributes:
        reasons: reject reasons.
        statuses: HTTP statuses, 503 or 5xx.
        everything: whatever has no image.
        unhashed: images that lack a hash by which the recipe's hash lists compare.
        before: seconds since the epoch; what was found after is of this run already.
    """

    reasons: frozenset[str] = frozenset()
    statuses: tuple[str, ...] = ()
    everything: bool = False
    before: float = 0.0
    unhashed: bool = False

    @property
    def wants_any(self) -> bool:
        """Whether there is anything that is to be tried again."""
        return self.everything or self.unhashed or bool(self.reasons or self.statuses)

    def wants(self, reason: str | None, detail: str | None) -> bool:
        """Whether a pair that was left out so is to be tried again."""
        if reason is None:
            return False
        if self.everything or reason in self.reasons:
            return True
        if reason != RejectReason.HTTP_STATUS.value or not detail:
            return False
        return detail in self.statuses or f"{detail[0]}xx" in self.statuses


NO_RETRY = Retry()


def parse_retry(classes: Sequence[str], *, before: float) -> Retry:
    """Returns what the classes mean: `dns`, `opt_outs` ..., a reject reason's name, an HTTP status (503, 5xx), `all`;
    `unhashed`: images that hash lists could not be compared with.

    Raises:
        RecipeError: no such class; names the closest.
    """
    names = [name.strip().lower() for name in classes]
    reasons, statuses = set(), []
    known = {reason.value: reason.value for reason in _REASONS}
    known |= {name: reason.value for name, reason in _SHORT.items()}
    for name in names:
        if name in known:
            reasons.add(known[name])
        elif name == _OPT_OUTS:
            reasons.update(reason.value for reason in OPT_OUTS)
        elif _STATUS.match(name):
            statuses.append(name)
        elif name not in (_ALL, _UNHASHED):
            others = f"one of {', '.join([*_SHORT, _OPT_OUTS, _UNHASHED, _ALL])}, or a status as 503, 5xx"
            hint = did_you_mean(name, [*known, _OPT_OUTS, _UNHASHED, _ALL], otherwise=others)
            raise RecipeError(f"--retry-failed: no class {name!r}; {hint}")
    everything = _ALL in names
    return Retry(frozenset(reasons), tuple(statuses), everything, before, _UNHASHED in names)
