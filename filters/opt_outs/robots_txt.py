"""What robots.txt says beside Allow and Disallow: whom it names, and its Content-Usage and Content-Signal lines.

Source: RFC 9309, section 2.2, for groups; draft-ietf-aipref-attach and contentsignals.org for the lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from babelsift.filters.opt_outs.path_rules import PathRules
from babelsift.filters.opt_outs.usage_preferences import content_signal_opt_out, content_usage_opt_out, says_anything

CONTENT_USAGE, CONTENT_SIGNAL = "content-usage", "content-signal"
_OPT_OUT = {CONTENT_USAGE: content_usage_opt_out, CONTENT_SIGNAL: content_signal_opt_out}
_RULES = frozenset(("allow", "disallow", CONTENT_USAGE, CONTENT_SIGNAL))
_TOKEN = re.compile(r"\*|[a-z0-9_.-]+")
_EVERYONE = "*"


@dataclass
class RobotsGroups:
    """The groups of a robots.txt, without Allow and Disallow.

    Attributes:
        tokens: the robots that have a group, in lower case; `*` for everyone.
        lines: (the robots of its group, none where it stands in no group; its name in lower case; its value).
    """

    tokens: set[str] = field(default_factory=set)
    lines: list[tuple[frozenset[str], str, str]] = field(default_factory=list)

    def preferences(self, name: str, token: str) -> PathRules:
        """Returns which paths the lines of a name forbid to train on.

        The lines of our own group count, else those for everyone; those that stand in no group always do.

        Args:
            name: CONTENT_USAGE or CONTENT_SIGNAL.
            token: our name.

        >>> groups = parse_robots_groups("User-agent: *\\nContent-Usage: train-ai=n\\nContent-Usage: /open/ train-ai=y")
        >>> rules = groups.preferences(CONTENT_USAGE, "ourbot")
        >>> rules.forbid("https://a.example/x.jpg"), rules.forbid("https://a.example/open/x.jpg")
        (True, False)
        """
        ours = token.lower() if token.lower() in self.tokens else _EVERYONE
        rules = []
        for tokens, line_name, value in self.lines:
            if line_name == name and (not tokens or ours in tokens):
                path, preferences = _split_path(value)
                if says_anything([preferences]):
                    rules.append((path, _OPT_OUT[name]([preferences]) is not None))
        return PathRules(rules)


def plain_robots_txt(content: bytes) -> str:
    """Returns a robots.txt as a strict parser reads it to mean what its owner says.

    A byte order mark goes, and the version after a robot's name; rules before any group are made everyone's.

    Args:
        content: as served.

    >>> plain_robots_txt(b"Disallow: /private/\\nUser-agent: ourbot/2.0\\nDisallow: /").splitlines()
    ['User-agent: *', 'Disallow: /private/', 'User-agent: ourbot', 'Disallow: /']
    """
    lines: list[str] = []
    is_in_group = False
    for line in content.decode("utf-8-sig", errors="replace").lstrip("\ufeff").splitlines():
        name, _, value = line.partition("#")[0].partition(":")
        name = name.strip().lower()
        if name == "user-agent":
            is_in_group = True
            line = f"User-agent: {value.strip().partition('/')[0]}"
        elif name in ("allow", "disallow") and not is_in_group:
            is_in_group = True
            lines.append("User-agent: *")
        lines.append(line)
    return "\n".join(lines)


def parse_robots_groups(text: str) -> RobotsGroups:
    """Returns the groups of a robots.txt; lines that make no sense are passed over.

    Args:
        text: its content, the length bounded by the caller.

    >>> sorted(parse_robots_groups("User-agent: GPTBot\\nUser-agent: *\\nDisallow: /").tokens)
    ['*', 'gptbot']
    """
    groups = RobotsGroups()
    tokens: set[str] = set()
    had_rules = False
    for line in text.splitlines():
        name, colon, value = line.partition("#")[0].partition(":")
        name, value = name.strip(" \t\ufeff").lower(), value.strip()
        if not colon:
            continue
        if name == "user-agent" and (token := _TOKEN.match(value.lower())):
            tokens = {token.group()} if had_rules else tokens | {token.group()}
            had_rules = False
            groups.tokens.add(token.group())
        elif name in _RULES:
            had_rules = True
            if name in _OPT_OUT:
                groups.lines.append((frozenset(tokens), name, value))
    return groups


def _split_path(value: str) -> tuple[str, str]:
    """(path, preferences) of a line; one without a path is on all of them."""
    first, *rest = value.split(None, 1)[:2] or [""]
    return (first, rest[0] if rest else "") if first.startswith(("/", "*")) else ("/", value)
