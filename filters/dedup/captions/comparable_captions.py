"""Captions as their repetitions are compared: the same words and numbers, whatever their case, width or punctuation."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.strings import DIGIT, INVISIBLE, LETTER, MARK, CodePoints, clean_strings, flatten

_SPACE = ord(" ")
_DOT_ABOVE = 0x307


def comparable_captions(captions: pa.Array) -> pa.LargeStringArray:
    """Returns captions in NFKC and lower case, every run of what is no letter, mark or digit as one space.

    Controls, format characters and zero-width characters vanish. Numbers stay: they are often all that tells two
    products apart. A caption without letters and digits stays as it is written.

    Args:
        captions: string[n], nullable.

    Returns:
        large_string[n], null where the caption is.

    >>> comparable_captions(pa.array(["A Dog, asleep!", "ＡＢＣ-12", "♥", None])).to_pylist()
    ['a dog asleep', 'abc 12', '♥', None]
    """
    strings = clean_strings(captions)
    # U+0307 is what lower-casing leaves of the Turkish dotted capital I.
    points = flatten(pc.utf8_lower(pc.utf8_normalize(strings, "NFKC")))
    points = points.select(~points.has(INVISIBLE) & (points.values != _DOT_ABOVE))
    values = np.where(points.has(LETTER | MARK | DIGIT), points.values, _SPACE).astype(np.uint32)
    blank = values == _SPACE
    doubled = np.zeros(len(values), dtype=bool)
    doubled[1:] = blank[1:] & blank[:-1] & (points.rows[1:] == points.rows[:-1])
    compared = pc.utf8_trim(CodePoints(values, points.starts, points.valid).select(~doubled).to_strings(), " ")
    return pc.if_else(pc.equal(compared, ""), strings, compared)
