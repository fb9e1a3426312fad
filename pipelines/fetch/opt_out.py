"""Whether a response opts its image out of this use: X-Robots-Tag, by img2dataset's rules."""

from __future__ import annotations

from collections.abc import Iterable

# Directives that have a value after a colon: what stands before the colon is no robot's name.
_WITH_VALUE = ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview")


def opt_out_directive(
    header_values: Iterable[str], *, directives: Iterable[str], user_agent_token: str | None
) -> str | None:
    """Returns the directive by which the X-Robots-Tag headers forbid the use of an image, or None.

    A value may begin with a robot's name and a colon; it then counts only for that robot. Everything that img2dataset
    takes for an opt-out is one here; so are directives beside one that has a value, which it overlooks.

    Args:
        header_values: one X-Robots-Tag header each.
        directives: those that forbid.
        user_agent_token: our name.

    Source:
        img2dataset 1.47, `is_disallowed`.
    """
    forbidding = {directive.strip().lower() for directive in directives}
    token = user_agent_token.strip().lower() if user_agent_token else None
    for value in header_values:
        addressed_to_us = True
        for part in value.lower().split(","):
            name, colon, rest = part.partition(":")
            if colon and name.strip() not in _WITH_VALUE:
                addressed_to_us = name.strip() == token
                part = rest
            if addressed_to_us and part.strip() in forbidding:
                return part.strip()
    return None
