"""Whether a page asks not to be indexed, or its images not to be: `meta` elements and headers for robots."""

from __future__ import annotations

from collections.abc import Iterable

from babelsift.filters.opt_outs import opt_out_directive

# By a page's own word nothing of it, or none of its images, goes into an index or a training set.
DIRECTIVES = ("noindex", "noimageindex", "none", "noai", "noimageai", "noml")
# Whom the names of `meta` elements address: every robot, or a crawler whose index is of images or for training.
_ROBOTS = frozenset(("robots", "googlebot", "googlebot-image", "bingbot", "ccbot", "slurp", "tdm-robots"))


def page_opt_out(metas: Iterable[tuple[str, str]], headers: Iterable[str] = ()) -> str | None:
    """Returns the directive by which a page opts out, or None.

    Args:
        metas: (name, content) of its `meta` elements.
        headers: values of its X-Robots-Tag headers.

    >>> page_opt_out([("Robots", "NOINDEX, follow")])
    'noindex'
    """
    values = [*(content for name, content in metas if name.strip().lower() in _ROBOTS), *headers]
    if not values:
        return None
    return opt_out_directive(values, directives=DIRECTIVES, user_agent_tokens=("ccbot",))
