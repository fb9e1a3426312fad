"""Preferences on how content is used, as `train-ai=n` and its kin: AIPREF's Content-Usage, Cloudflare's Content-Signal.

Both are lists of labels with a yes or a no, and mean the same in a header as on a line of robots.txt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# The labels that decide on training, the most telling first; what they leave open a wider one decides. Older drafts
# had `train-genai` and `genai` within `train-ai` and `ai`, and `tdm`, `bots` or `all` around them.
_NARROW = ("train-ai", "ai-train", "ai")
_GENERATIVE = ("train-genai", "genai-train", "genai")
_WIDE = ("tdm", "bots", "all", "automated")
_SIGNALS = ("ai-train", "train-ai")
_NO = frozenset(("n", "no", "?0", "0", "false"))
_YES = frozenset(("y", "yes", "?1", "1", "true"))
_MEMBER = re.compile(r'(?:[^,;\s"]|"[^"]*")+')
_AROUND_EQUALS = re.compile(r"\s*=\s*")


def content_usage_opt_out(values: Iterable[str]) -> str | None:
    """Returns the label by which Content-Usage forbids training, or None.

    A no counts before a yes for the same label. A no to generative training alone counts unless there is a yes to
    training as such: a data set for pretraining serves both. Without a word on training, the wider labels decide.

    Args:
        values: of the headers or lines, one each.

    Source:
        IETF draft-ietf-aipref-vocab and draft-ietf-aipref-attach; labels of older drafts count, too.

    >>> content_usage_opt_out(["search=y, train-ai=n"])
    'train-ai=n'
    >>> content_usage_opt_out(["bots=n", "train-ai=y"])
    """
    preferences = _preferences(values)
    for labels in (_NARROW, _GENERATIVE, _WIDE):
        said = {label: preferences[label] for label in labels if label in preferences}
        for label, allowed in said.items():
            if not allowed:
                return f"{label}=n"
        if said and labels is not _GENERATIVE:
            return None
    return None


def content_signal_opt_out(values: Iterable[str]) -> str | None:
    """Returns the signal by which Content-Signal forbids training, or None; a no counts before a yes.

    Args:
        values: of the headers or lines, one each.

    Source:
        Cloudflare's Content Signals Policy, contentsignals.org (September 2025).

    >>> content_signal_opt_out(["search=yes, ai-train=no"])
    'ai-train=no'
    """
    preferences = _preferences(values)
    return next((f"{label}=no" for label in _SIGNALS if preferences.get(label) is False), None)


def says_anything(values: Iterable[str]) -> bool:
    """Returns whether there is a yes or a no to anything.

    Args:
        values: of the headers or lines, one each.

    >>> says_anything(["search=y"]), says_anything(["what?"])
    (True, False)
    """
    return bool(_preferences(values))


def _preferences(values: Iterable[str]) -> dict[str, bool]:
    """{label in lower case: whether it is allowed}; what is neither a yes nor a no says nothing.

    RFC 9651 is stricter, and drops a header whole for a capital letter; here what reads as a no is one, and semicolons
    and blanks part labels as commas do.
    """
    preferences: dict[str, bool] = {}
    for value in values:
        for member in _MEMBER.findall(_AROUND_EQUALS.sub("=", value.lower())):
            label, _, rest = member.partition("=")
            word = rest.strip("\"'").strip()
            if word in _NO:
                preferences[label.strip()] = False
            elif word in _YES:
                preferences.setdefault(label.strip(), True)
    return preferences
