"""Whether a page would cost its parser what no page is worth: parsing as browsers do is quadratic in two ways.

Formatting elements that nothing closes are made again in every block that follows: 130 KB of `<p><b id=1><p><b id=2>`
and so on make 50 million nodes. And each block looks through all elements that are open: a million `<div>` take hours.
Browsers end both at a depth; the parser here has no such limit, and cannot be interrupted.
"""

from __future__ import annotations

import re

_FEW_TAGS = 2_000  # whatever they are, they make no million nodes
_MOST_NODES = 2_000_000
_MANY_TAGS, _MOST_STEPS = 20_000, 2_000_000_000  # some seconds
_FORMATTING = re.compile(r"<(/?)(?:b|big|code|em|font|i|s|small|strike|strong|tt|u)(?=[\s/>])([^>]*)", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-z][a-z0-9-]*)", re.IGNORECASE)
# Elements without content, and those that the next of their kind ends.
_NEVER_DEEP = frozenset(
    (
        *(
            "area",
            "base",
            "br",
            "col",
            "embed",
            "hr",
            "img",
            "input",
            "link",
            "meta",
            "param",
            "source",
            "track",
            "wbr",
        ),
        *("a", "p", "li", "dd", "dt", "option", "td", "th", "tr", "tbody", "thead", "tfoot", "rp", "rt", "nobr"),
    )
)
_SAME_TOGETHER = 3  # of equal formatting elements no more are made again


def tangle_of(text: str) -> str | None:
    """Returns what makes a page too costly to parse; None where nothing does.

    >>> tangle_of("<p>a dog <b>runs</b>") is None, tangle_of("".join(f"<p><b id={n}>" for n in range(5000)))
    (True, '5000 formatting elements that nothing closes, among 10000 tags')
    """
    tags = text.count("<")
    if tags < _FEW_TAGS:
        return None
    unclosed = _unclosed_formatting(text)
    if unclosed * tags > _MOST_NODES:
        return f"{unclosed} formatting elements that nothing closes, among {tags} tags"
    if tags > _MANY_TAGS and (depth := _depth(text)) * tags > _MOST_STEPS:
        return f"nested {depth} deep, with {tags} tags"
    return None


def _unclosed_formatting(text: str) -> int:
    opened, closed = 0, 0
    for mark, _ in (found := _FORMATTING.findall(text)):
        if mark:
            closed += 1
        else:
            opened += 1
    if opened - closed <= _SAME_TOGETHER:
        return max(0, opened - closed)
    return min(opened - closed, _SAME_TOGETHER * len({attributes for mark, attributes in found if not mark}))


def _depth(text: str) -> int:
    """Returns about how deep elements lie in each other at the most."""
    depth = deepest = 0
    for mark, name in _TAG.findall(text):
        if name.lower() in _NEVER_DEEP:
            continue
        depth = max(0, depth - 1) if mark else depth + 1
        deepest = max(deepest, depth)
    return deepest
