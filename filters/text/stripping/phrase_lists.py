"""Reads the phrases that galleries, shops and stock agencies put beside a description, from `page_phrases.yaml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

_FILE = Path(__file__).with_name("page_phrases.yaml")
# An order, which may be what a picture shows.
_NOT_ALONE = {"buy now"}


@cache
def read_phrases() -> dict[str, list[str]]:
    """Returns {place: phrases of all languages}; the file says which places there are, and what "#" stands for."""
    places = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return {place: [text for texts in languages.values() for text in texts] for place, languages in places.items()}


def phrases_alone() -> frozenset[str]:
    """Returns the phrases that say nothing where they are all of a caption."""
    lists = read_phrases()
    phrases = {phrase for place in ("before", "after", "after_words") for phrase in lists[place]}
    return frozenset(phrase.replace("#", "") for phrase in phrases - _NOT_ALONE)
