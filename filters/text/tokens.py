"""Captions as tokens, each a number: what repetition and vocabularies compare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.code_points import DIGIT, INVISIBLE, LETTER, MARK, CodePoints, clean_strings, flatten
from filters.mixing import mix64
from filters.script import script_table
from filters.text.lengths import is_unspaced

_APOSTROPHES = "'\u02bc\u2019"
_PAIR, _SINGLE = np.uint64(1 << 63), np.uint64(1 << 62)


@dataclass(frozen=True)
class Tokens:
    """The tokens of n captions, caption by caption in their order.

    Attributes: rows: int64[t], ascending. hashes: uint64[t], equal for equal tokens.
    """

    rows: np.ndarray
    hashes: np.ndarray

    def bigrams(self) -> Tokens:
        """Returns each two neighbouring tokens of a caption as one."""
        together = self.rows[1:] == self.rows[:-1]
        first, second = self.hashes[:-1][together], self.hashes[1:][together]
        return Tokens(self.rows[1:][together], mix64(first ^ mix64(second)))


def tokenize(captions: pa.Array) -> Tokens:
    """Returns the tokens of captions.

    Tokens are runs of letters, marks and digits in lower case; in scripts without spaces between words, each pair of
    neighbouring characters (a single one where it stands alone), as single characters repeat in any sentence.

    Args: captions: string[n], nullable; a null has no tokens.
    """
    points = flatten(pc.utf8_lower(clean_strings(captions)))
    # Apostrophes and joiners are inside a word ("don't"); what else is no letter or digit parts words.
    points = points.select(~inside_words(points))
    word = points.has(LETTER | MARK | DIGIT)
    values, rows = points.values.astype(np.uint64), points.rows
    unspaced = word & is_unspaced(script_table()[points.values])
    spaced = word & ~unspaced
    joins = np.zeros(len(values), dtype=bool)
    joins[1:] = rows[1:] == rows[:-1]
    opens = spaced & ~(joins & _shifted(spaced))
    starts = np.flatnonzero(opens)
    # The hash of a word is the sum of its mixed (position, code point) pairs.
    position = np.arange(len(values)) - starts[np.maximum(np.cumsum(opens) - 1, 0)] if len(starts) else rows
    mixed = mix64(values | (position.astype(np.uint64) << np.uint64(21)))
    mixed[~spaced] = 0
    words = np.add.reduceat(mixed, starts) if len(starts) else np.zeros(0, dtype=np.uint64)
    second = unspaced & joins & _shifted(unspaced)
    pairs = np.flatnonzero(second)
    pair_hashes = mix64(values[pairs - 1] | (values[pairs] << np.uint64(21)) | _PAIR)
    followed = np.zeros(len(values), dtype=bool)
    followed[:-1] = second[1:]
    singles = np.flatnonzero(unspaced & ~second & ~followed)
    single_hashes = mix64(values[singles] | _SINGLE)
    places = np.concatenate([starts, pairs, singles])
    order = np.argsort(places, kind="stable")
    return Tokens(rows[places[order]], np.concatenate([words, pair_hashes, single_hashes])[order])


def inside_words(points: CodePoints) -> np.ndarray:
    """Returns bool[m], the code points that neither part words nor belong to them: apostrophes, joiners, controls."""
    return points.has(INVISIBLE) | points.among(_APOSTROPHES)


def _shifted(mask: np.ndarray) -> np.ndarray:
    before = np.zeros(len(mask), dtype=bool)
    before[1:] = mask[:-1]
    return before
