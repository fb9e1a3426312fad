"""Whether a page, or what it says of its images, asks not to be indexed or trained on: `meta` elements and headers."""

from __future__ import annotations

from collections.abc import Iterable

from babelsift.filters.opt_outs import (
    content_signal_opt_out,
    content_usage_opt_out,
    is_tdm_reserved,
    opt_out_directive,
)

# By a page's own word nothing of it, or none of its images, goes into an index or a training set.
DIRECTIVES = ("noindex", "noimageindex", "none", "noai", "noimageai", "noml")
# Whom the names of `meta` elements address: every robot, or a crawler whose index is of images or for training.
_ROBOTS = frozenset(("robots", "googlebot", "googlebot-image", "bingbot", "ccbot", "slurp", "tdm-robots"))
_X_ROBOTS_TAG, _TDM_RESERVATION = "x-robots-tag", "tdm-reservation"
_CONTENT_USAGE, _CONTENT_SIGNAL = "content-usage", "content-signal"
OPT_OUT_HEADERS = (_X_ROBOTS_TAG, _TDM_RESERVATION, _CONTENT_USAGE, _CONTENT_SIGNAL)
_TELLING = _ROBOTS.union(OPT_OUT_HEADERS)


def page_opt_out(metas: Iterable[tuple[str, str]], headers: Iterable[tuple[str, str]] = ()) -> str | None:
    """Returns the words by which a page opts out, or None.

    A meta named as a header, by `name` or `http-equiv`, says what the header would.

    Args:
        metas: (name, content) of its `meta` elements.
        headers: (name in lower case, value) of the headers that it was served with.

    >>> page_opt_out([("Robots", "NOINDEX, follow")])
    'noindex'
    >>> page_opt_out([], [("tdm-reservation", "1")])
    'tdm-reservation: 1'
    """
    said: dict[str, list[str]] = {}
    for name, value in [*((name.strip().lower(), content) for name, content in metas), *headers]:
        if name in _TELLING:
            said.setdefault(_X_ROBOTS_TAG if name in _ROBOTS else name, []).append(value)
    if not said:
        return None
    if is_tdm_reserved(said.get(_TDM_RESERVATION, ())):
        return f"{_TDM_RESERVATION}: 1"
    return (
        opt_out_directive(said.get(_X_ROBOTS_TAG, ()), directives=DIRECTIVES, user_agent_tokens=("ccbot", "babelsift"))
        or content_usage_opt_out(said.get(_CONTENT_USAGE, ()))
        or content_signal_opt_out(said.get(_CONTENT_SIGNAL, ()))
    )
