"""Takes out of a message what is no language: tags, places for values, marks of keyboard shortcuts."""

from __future__ import annotations

import html
import re

import pyarrow as pa

from babelsift.filters.language.evidence import gather_evidence
from babelsift.filters.strings import SCRIPTS

_NO_LANGUAGE = re.compile(
    r"<[^>]*>|\$?\{[^}]*\}|\$\([^)]*\)|%[-+#0-9.*$]*(?:l{0,2}[a-zA-Z]|\d)|%[A-Z_]+|\\[a-z]|\$\w+|@\w+@|https?:\S+|\S+@\S+"
)
_SHORTCUT = re.compile(r"\([&_~]\w\)|[&_~](?=\w)")


def plain(message: str) -> str:
    """Returns a message's own words.

    Args:
        message: a line of a catalogue.

    >>> plain("&Open the <b>file</b> {$name} ...")
    'Open the  file    ...'
    """
    return _SHORTCUT.sub("", html.unescape(_NO_LANGUAGE.sub(" ", message)))


def words_by_script(texts: list[str]) -> list[tuple[str, list[str]]]:
    """Returns (main script, words in it) of each text, as the identifier reads captions.

    Args:
        texts: as they were written.
    """
    evidence = gather_evidence(pa.array(texts, pa.large_string()))
    lines = evidence.texts.to_strings().to_pylist()
    scripts = [SCRIPTS[index] for index in evidence.dominant]
    words = [line.replace("\u2019", " ").replace("'", " ").split() for line in lines]
    return list(zip(scripts, words, strict=True))
