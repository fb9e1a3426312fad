"""Whether a response opts its image out of this use: X-Robots-Tag, by img2dataset's rules."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Directives that have a value after a colon: what stands before the colon is no robot's name.
_WITH_VALUE = ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview")
# A time of day has colons, too, but "25-jun-2010 15" is no robot's name.
_ROBOT = re.compile(r"[a-z*][a-z0-9_.*/-]*")
_EVERYONE = "*"
_AROUND = " \t\"':"  # of a word that somebody quoted, or gave a value that it does not have


def opt_out_directive(
    header_values: Iterable[str], *, directives: Iterable[str], user_agent_tokens: Iterable[str] = ()
) -> str | None:
    """Returns the directive by which the X-Robots-Tag headers forbid the use of an image, or None.

    A value may begin with a robot's name and a colon; it then counts only for that robot. Everything that img2dataset
    takes for an opt-out is one here; so are directives beside one that has a value, which it overlooks, in quotation
    marks, or parted by blanks.

    Args:
        header_values: one X-Robots-Tag header each.
        directives: those that forbid; where `noindex` does, so does `none`, which means it.
        user_agent_tokens: our names.

    Source:
        img2dataset 1.47, `is_disallowed`; Google's "Robots meta tag specifications" for names and values.

    >>> opt_out_directive(["otherbot: noindex, ourbot: noai"], directives=["noai"], user_agent_tokens=["OurBot"])
    'noai'
    """
    forbidding = {directive.strip().lower() for directive in directives}
    if "noindex" in forbidding:
        forbidding.add("none")
    tokens = {token.strip().lower() for token in user_agent_tokens} | {_EVERYONE}
    for value in header_values:
        addressed_to_us = True
        for part in re.split("[,;]", value.lower()):
            name, colon, rest = part.partition(":")
            name = name.strip(_AROUND)
            if colon and name not in _WITH_VALUE and name not in forbidding and _ROBOT.fullmatch(name):
                addressed_to_us = name in tokens
                part = rest
            if not addressed_to_us:
                continue
            for word in part.split():
                if (word := word.strip(_AROUND)) in forbidding:
                    return word
    return None
