"""Captions' unigrams and bigrams, counted in parts that add up."""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import cache
from itertools import groupby, pairwise

import pyarrow as pa
import pyarrow.compute as pc

from filters.code_points import clean_strings
from filters.script import script_table
from filters.text.lengths import is_unspaced

# Apostrophes and joiners are inside a word.
_IGNORED = r"['\x{02bc}\x{2019}\pC]"


def count_ngrams(captions: pa.Array, *, bigrams: bool = True) -> Counter[str]:
    """Counts the unigrams and bigrams of captions, in lower case.

    A token is a run of letters, marks and digits; in scripts that are written without spaces, two neighbouring
    characters, or a single one where it stands alone. A bigram is two tokens that follow each other, with a space.

    Args: captions: string[n], nullable; a null has none. Returns: n-gram -> how often.
    """
    counts: Counter[str] = Counter()
    strings = pc.replace_substring_regex(pc.utf8_lower(clean_strings(captions)), _IGNORED, "")
    for caption in strings.drop_null().to_pylist():
        tokens = [token for run in _runs(caption) for token in _tokens(run)]
        counts.update(tokens)
        if bigrams:
            counts.update(map(" ".join, pairwise(tokens)))
    return counts


def most_frequent(counts: Counter[str], most: int) -> list[tuple[str, int]]:
    """Returns the `most` most frequent n-grams, most frequent first, equals in the order of their code points."""
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:most]


def _runs(caption: str) -> list[str]:
    """Splits at what is no letter, mark or digit."""
    return "".join(map(_kept, caption)).split()


@cache
def _kept(character: str) -> str:
    return character if unicodedata.category(character)[0] in "LM" or character.isdecimal() else " "


def _tokens(run: str) -> list[str]:
    if run.isascii():
        return [run]
    tokens: list[str] = []
    for unspaced, characters in groupby(run, _is_unspaced):
        part = "".join(characters)
        tokens += ([one + other for one, other in pairwise(part)] or [part]) if unspaced else [part]
    return tokens


@cache
def _is_unspaced(character: str) -> bool:
    return bool(is_unspaced(script_table()[[ord(character)]])[0])
