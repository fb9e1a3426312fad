"""Which of the two Chinese orthographies a caption is written in, by the characters that only one of them has."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from babelsift.filters.strings.code_points import flatten, measure_array

# A line an orthography: its code, and the characters that it alone has; made by tools/make_chinese_forms.py.
_TABLE = Path(__file__).with_suffix(".tsv")
HAN_FORMS = ("Hans", "Hant")
_WEIGHTS = np.array([1, -1], dtype=np.int8)
_CODE_POINTS = 0x110000


def han_forms(captions: pa.Array) -> pa.StringArray:
    """Returns the orthography of each caption's Han characters, simplified or traditional, where they tell it.

    Most characters are written alike in both; of those that are not, the majority decides.

    Args:
        captions: string[n], nullable.

    Returns:
        string[n], `Hans` or `Hant`; null where no character tells, where both have as many, or the caption is null.

    Source:
        OpenCC's tables of characters (Apache-2.0).

    >>> han_forms(pa.array(["小米手机壳", "小米手機殼", "山水", None])).to_pylist()
    ['Hans', 'Hant', None, None]
    """
    points = flatten(captions)
    balance = np.bincount(points.rows, weights=_weights()[points.values], minlength=len(points))
    names = np.array([HAN_FORMS[1], None, HAN_FORMS[0]], dtype=object)
    return measure_array(names[np.sign(balance).astype(int) + 1], points).cast(pa.string())


@cache
def _weights() -> np.ndarray:
    """Returns int8[0x110000], 1 of characters that are simplified only, -1 of those that are traditional only."""
    table = np.zeros(_CODE_POINTS, dtype=np.int8)
    for line in _TABLE.read_text(encoding="utf-8").splitlines():
        code, characters = line.split("\t")
        table[[ord(character) for character in characters]] = _WEIGHTS[HAN_FORMS.index(code)]
    return table
