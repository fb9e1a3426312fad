"""Whether the headers of an answer opt its image out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from babelsift.filters.opt_outs import (
    content_signal_opt_out,
    content_usage_opt_out,
    is_tdm_reserved,
    opt_out_directive,
)
from babelsift.schemas import RejectReason
from babelsift.schemas.recipe import DownloadSettings

OUR_TOKEN = "babelsift"


def our_tokens(settings: DownloadSettings) -> tuple[str, ...]:
    """Returns the names by which sites may mean us, the recipe's own first."""
    return (settings.user_agent_token, OUR_TOKEN) if settings.user_agent_token else (OUR_TOKEN,)


def headers_opt_out(
    values: Callable[[str], Sequence[str]], settings: DownloadSettings
) -> tuple[RejectReason, str] | None:
    """Returns (the reason, what says so) where an answer's headers opt its image out by a form that is heard.

    Args:
        values: gives the values of a header by its name, one for each time that it was sent.
        settings: say which forms are heard, and our name.
    """
    heard = settings.opt_outs
    if heard.x_robots_tag and (said := values("X-Robots-Tag")):
        forbidding = settings.forbidding_directives
        directive = opt_out_directive(said, directives=forbidding, user_agent_tokens=our_tokens(settings))
        if directive:
            return RejectReason.OPTED_OUT, directive
    if heard.tdm_reservation and (said := values("tdm-reservation")) and is_tdm_reserved(said):
        return RejectReason.TDM_RESERVED, " ".join(["tdm-reservation: 1", *values("tdm-policy")])
    if heard.content_usage and (said := values("Content-Usage")) and (label := content_usage_opt_out(said)):
        return RejectReason.CONTENT_USAGE_OPT_OUT, label
    if heard.content_signal and (said := values("Content-Signal")) and (label := content_signal_opt_out(said)):
        return RejectReason.CONTENT_SIGNAL_OPT_OUT, label
    return None
