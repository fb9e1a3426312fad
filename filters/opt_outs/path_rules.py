"""Rules on paths as robots.txt has them: `*` and `$`, the longest pattern that matches decides."""

from __future__ import annotations

from collections.abc import Iterable

from protego import Protego

_MAX_RULES = 20_000


class PathRules:
    """Patterns of paths, each of which forbids or permits; what no pattern matches is permitted.

    Of one pattern that says both, the one that forbids holds.

    Args:
        rules: (pattern, whether it forbids); a pattern that begins with neither / nor * begins anywhere.

    >>> rules = PathRules([("/", True), ("/open/*.jpg$", False)])
    >>> rules.forbid("https://a.example/x.jpg"), rules.forbid("https://a.example/open/x.jpg")
    (True, False)
    """

    def __init__(self, rules: Iterable[tuple[str, bool]]) -> None:
        forbids: dict[str, bool] = {}
        for pattern, does_forbid in rules:
            if pattern.isprintable() and " " not in pattern and len(forbids) < _MAX_RULES:
                anchored = pattern if pattern.startswith(("/", "*")) else f"*{pattern}"
                forbids[anchored] = forbids.get(anchored, False) or does_forbid
        lines = [f"{'Disallow' if forbids[pattern] else 'Allow'}: {pattern}" for pattern in forbids]
        self._robots = Protego.parse("\n".join(["User-agent: *", *lines])) if lines else None

    def forbid(self, url: str) -> bool:
        """Returns whether the longest pattern that matches the URL's path and query forbids it."""
        return self._robots is not None and not self._robots.can_fetch(url, "*")
