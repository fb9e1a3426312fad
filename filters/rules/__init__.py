"""Applies a recipe's rules to captions, URLs and languages, and turns the first rule that a row fails into a reason.

A new rule is a filter in `text` or `urls`, a line in a table of `apply`, and its setting and reason in `schemas`.
"""

from babelsift.filters.rules.apply import (
    CAPTION_RULES,
    URL_RULES,
    Rule,
    reject_by_captions,
    reject_by_urls,
)
from babelsift.filters.rules.languages import reject_by_language
from babelsift.filters.rules.lists import hosts_of

__all__ = [
    "CAPTION_RULES",
    "URL_RULES",
    "Rule",
    "hosts_of",
    "reject_by_captions",
    "reject_by_language",
    "reject_by_urls",
]
