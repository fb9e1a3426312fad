"""Captions as tokens, each a number, for repetition and vocabularies to compare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.mix64 import mix64
from babelsift.filters.strings.code_points import DIGIT, INVISIBLE, LETTER, MARK, CodePoints, clean_strings, flatten
from babelsift.filters.strings.script import script_table
from babelsift.filters.strings.unspaced import is_unspaced

_APOSTROPHES = "'\u02bc\u2019"
_PAIR, _SINGLE = np.uint64(1 << 63), np.uint64(1 << 62)


@dataclass(frozen=True)
class Tokens:
    """The tokens of n captions, caption by caption in their order.

    Attributes:
        rows: int64[t], ascending.
        hashes: uint64[t], equal for equal tokens.
    """

    rows: np.ndarray
    hashes: np.ndarray

    def bigrams(self) -> Tokens:
        """Returns the pairs of neighbouring tokens of each caption; pair k begins with the token `firsts()[k]`."""
        first = self.firsts()
        return Tokens(self.rows[first], mix64(self.hashes[first] ^ mix64(self.hashes[first + 1])))

    def firsts(self) -> np.ndarray:
        """Returns int64[k], the indices of the tokens that are followed by another in their caption."""
        return np.flatnonzero(self.rows[1:] == self.rows[:-1])


@dataclass(frozen=True)
class TokenTexts:
    """The texts of tokens.

    Attributes:
        points: the captions without the code points inside words that tokens leave out.
        starts, ends: int64[t], where in its values each token starts and ends.
    """

    points: CodePoints
    starts: np.ndarray
    ends: np.ndarray

    def of(self, tokens: np.ndarray) -> pa.LargeStringArray:
        """Returns the texts of the tokens int64[k] as large_string[k]."""
        lengths = self.ends[tokens] - self.starts[tokens]
        bounds = np.concatenate([[0], np.cumsum(lengths)])
        positions = np.repeat(self.starts[tokens] - bounds[:-1], lengths) + np.arange(bounds[-1])
        return CodePoints(self.points.values[positions], bounds, np.ones(len(tokens), dtype=bool)).to_strings()


def tokenize(captions: pa.Array) -> Tokens:
    """Returns the tokens of captions.

    Tokens are runs of letters, marks and digits in lower case; in scripts without spaces between words, each pair of
    neighbouring characters (or a character that stands alone), as single characters repeat in any sentence.

    Args:
        captions: string[n], nullable; a null has no tokens.

    >>> tokenize(pa.array(["A dog, a cat", None, "猫犬猫"])).rows.tolist()
    [0, 0, 0, 0, 2, 2]
    """
    return tokenize_with_texts(captions)[0]


def tokenize_with_texts(captions: pa.Array) -> tuple[Tokens, TokenTexts]:
    """Returns the tokens of captions as `tokenize` does, and their texts.

    Args:
        captions: string[n], nullable.

    >>> tokens, texts = tokenize_with_texts(pa.array(["Don't run", "猫犬猫"]))
    >>> texts.of(np.arange(len(tokens.rows))).to_pylist()
    ['dont', 'run', '猫犬', '犬猫']
    """
    points = flatten(pc.utf8_lower(clean_strings(captions)))
    # Apostrophes and joiners are inside a word ("don't"); all else that is no letter or digit separates words.
    points = points.select(~inside_words(points))
    word = points.has(LETTER | MARK | DIGIT)
    values, rows = points.values.astype(np.uint64), points.rows
    unspaced = word & is_unspaced(script_table()[points.values])
    spaced = word & ~unspaced
    followed, follows = points.before(unspaced), points.after(unspaced)
    opens = np.flatnonzero(spaced & ~points.after(spaced))
    closes = np.flatnonzero(spaced & ~points.before(spaced)) + 1
    pairs = np.flatnonzero(unspaced & followed)
    singles = np.flatnonzero(unspaced & ~followed & ~follows)
    pair_hashes = mix64(values[pairs] | (values[pairs + 1] << np.uint64(21)) | _PAIR)
    starts = np.concatenate([opens, pairs, singles])
    ends = np.concatenate([closes, pairs + 2, singles + 1])
    hashes = np.concatenate([_word_hashes(values, opens, closes), pair_hashes, mix64(values[singles] | _SINGLE)])
    order = np.argsort(starts, kind="stable")
    tokens = Tokens(rows[starts[order]], hashes[order])
    return tokens, TokenTexts(points, starts[order], ends[order])


def _word_hashes(values: np.ndarray, opens: np.ndarray, closes: np.ndarray) -> np.ndarray:
    """Returns uint64[w], the sums of the words' mixed (position, code point) pairs."""
    lengths = closes - opens
    bounds = np.cumsum(lengths) - lengths
    position = np.arange(lengths.sum()) - np.repeat(bounds, lengths)
    mixed = mix64(values[np.repeat(opens, lengths) + position] | (position.astype(np.uint64) << np.uint64(21)))
    return np.add.reduceat(mixed, bounds) if len(bounds) else mixed


def inside_words(points: CodePoints) -> np.ndarray:
    """Returns bool[m], the code points that are no letters and separate no words: apostrophes, joiners, controls.

    Args:
        points: m code points.
    """
    return points.has(INVISIBLE) | points.among(_APOSTROPHES)
