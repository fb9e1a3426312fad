"""What of a caption says anything of its language: the letters of its main script, without addresses and names."""

from __future__ import annotations

import html
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.code_points import (
    DIGIT,
    INVISIBLE,
    LOWER,
    MARK,
    SPACE,
    SYMBOL,
    UPPER,
    CodePoints,
    clean_strings,
    flatten,
)
from filters.code_points import matches as _matches
from filters.script import SCRIPTS, count_letters_by_script, letter_scripts, weigh
from filters.text.filenames import EXTENSIONS
from filters.text.links import URL_PATTERN

_HINT = r"[<&\[@:]|\.\pL"
_COMBINING = r"[\x{0300}-\x{036f}]"
_REFERENCE = r"&[#a-zA-Z0-9]+;"
_NOISE = (
    rf"(?i){URL_PATTERN}"
    rf"|\S+\.(?:{EXTENSIONS})\b"
    r"|[^\s@]+@[^\s@]+\.\pL+"
    r"|<[/!?]?[a-zA-Z][^<>]*>"
    r"|\[/?[a-z_]+(?:[= ][^\]]*)?/?\]"
)
# Latin letters glued to these or to digits are a product number or a handle.
_GLUE = "@#\\"
_APOSTROPHES = "'\u2019"
_LATIN = SCRIPTS.index("Latn")
_JAPANESE = [SCRIPTS.index(script) for script in ("Hani", "Hira", "Kana")]
# The model's answer does not change after this many letters, and a hostile caption must not take seconds.
_MOST_CODE_POINTS = 1000


@dataclass(frozen=True)
class Evidence:
    """What n captions say about their languages.

    Attributes:
        texts: large_string[n], the words for a model; empty where there are none.
        letters: int64[n, len(SCRIPTS)], letters by script. dominant: int64[n], index in SCRIPTS of the main one.
        share: float64[n], the main script's share of the weighed letters.
        in_capitals: bool[n], whether its cased letters are all capitals.
    """

    texts: pa.LargeStringArray
    letters: np.ndarray
    dominant: np.ndarray
    share: np.ndarray
    in_capitals: np.ndarray


def gather_evidence(captions: pa.Array) -> Evidence:
    """Returns what is left of captions once addresses, file names, markup, digits, signs and minor scripts are gone.

    All is put in lower case: alt-text in capitals or Title Case misleads lid.176, and lower case costs it nothing even
    in German (on the first three words of Multi30k captions: 0.944 right as they are, 0.958 in lower case).

    Args: captions: string[n], nullable; null is as empty.
    """
    points = flatten(_composed(_without_noise(pc.fill_null(clean_strings(captions), ""))))
    points = points.select(~points.has(INVISIBLE) & (_positions(points) < _MOST_CODE_POINTS))
    points = CodePoints(
        np.where(_is_glued(points), ord(" "), points.values).astype(np.uint32), points.starts, points.valid
    )
    letters = count_letters_by_script(points)
    weights = weigh(letters)
    dominant = weights.argmax(axis=1)
    share = weights.max(axis=1) / np.maximum(weights.sum(axis=1), 1)
    in_capitals = (points.count(points.has(UPPER)) > 0) & (points.count(points.has(LOWER)) == 0)
    return Evidence(_texts(points, dominant), letters, dominant, share, in_capitals)


def _composed(strings: pa.LargeStringArray) -> pa.LargeStringArray:
    """Returns NFC: models have learned é as one code point, and know nothing of e and an accent."""
    return pc.utf8_normalize(strings, "NFC") if _matches(strings, _COMBINING).any() else strings


def _without_noise(strings: pa.LargeStringArray) -> pa.LargeStringArray:
    hinted = _matches(strings, _HINT)
    if not hinted.any():
        return strings
    rows = strings.filter(pa.array(hinted))
    if _matches(rows, _REFERENCE).any():
        rows = clean_strings(pa.array([html.unescape(row) for row in rows.to_pylist()], pa.large_string()))
    return pc.replace_with_mask(strings, pa.array(hinted), pc.replace_substring_regex(rows, _NOISE, " "))


def _positions(points: CodePoints) -> np.ndarray:
    return np.arange(len(points.values)) - np.repeat(points.starts[:-1], points.lengths)


def _is_glued(points: CodePoints) -> np.ndarray:
    """Returns bool[m], the Latin letters of words that also have digits or signs of a name in them."""
    odd = points.has(DIGIT) | points.among(_GLUE)
    if not odd.any():
        return odd
    breaks = points.has(SPACE | SYMBOL) & ~odd
    breaks[points.starts[:-1][points.lengths > 0]] = True
    word = np.cumsum(breaks)
    odd_words = np.zeros(word[-1] + 1, dtype=bool)
    odd_words[word[odd]] = True
    return odd_words[word] & (letter_scripts(points) == _LATIN)


def _texts(points: CodePoints, dominant: np.ndarray) -> pa.LargeStringArray:
    scripts = letter_scripts(points)
    script = dominant[points.rows]
    own = (scripts > 0) & (scripts == script)
    if np.isin(dominant, _JAPANESE).any():
        own |= np.isin(scripts, _JAPANESE) & np.isin(script, _JAPANESE)
    own |= points.has(MARK) | points.among(_APOSTROPHES)
    values = np.where(own, points.values, ord(" ")).astype(np.uint32)
    blank = values == ord(" ")
    doubled = np.zeros(len(values), dtype=bool)
    doubled[1:] = blank[1:] & blank[:-1] & (points.rows[1:] == points.rows[:-1])
    return pc.utf8_lower(CodePoints(values, points.starts, points.valid).select(~doubled).to_strings())


def count_letters(evidence: Evidence) -> np.ndarray:
    """Returns int64[n], the letters of each caption's main script; Han and kana count together."""
    own = np.take_along_axis(evidence.letters, evidence.dominant[:, None], axis=1)[:, 0]
    together = evidence.letters[:, _JAPANESE].sum(axis=1)
    return np.where(np.isin(evidence.dominant, _JAPANESE), together, own)
