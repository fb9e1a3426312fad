"""Says whether enough of a caption is left, and changes the few captions that an edit has to do with."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from babelsift.filters.strings import CodePoints

_SEPARATORS = " \t\n\r\f\v\u00a0\u200b-\u2013\u2014\u2212|:;,\u00b7\u2022\u00bb\u00ab>/~*=_\uff1a\uff0c\u3001\uff5c"
# A separator before a closing quotation mark or bracket.
_HANGING = re.compile(r"\s*(?:\s[-\u2013\u2014|:,;]+|[|:,;])\s*([\"\u201d)\]])\Z")
_WORD = re.compile(r"[^\W\d_]+")
# Han, kana, Hangul, Thai and their kin write more with a character, or no spaces.
_DENSE = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def trim(text: str) -> str:
    """Returns a text without blanks and separators at its ends, and with single blanks inside.

    Args:
        text: of which a part was cut out.

    >>> trim(" | a dog -  in the snow – ")
    'a dog - in the snow'
    """
    trimmed = " ".join(text.split()).strip(_SEPARATORS)
    return _HANGING.sub(r"\1", trimmed)


def count_telling_words(text: str) -> int:
    """Returns how many words of two letters and more a text has; in scripts without spaces, half its characters.

    Args:
        text: of a caption.

    >>> count_telling_words("a black dog 12"), count_telling_words("雪の中の黒い犬")
    (2, 3)
    """
    dense = len(_DENSE.findall(text))
    return sum(len(word) > 1 for word in _WORD.findall(_DENSE.sub(" ", text))) + dense // 2


def edit_rows(strings: pa.LargeStringArray, rows: np.ndarray, edit: Callable[[str], str]) -> pa.LargeStringArray:
    """Returns strings of which those in `rows` are edited.

    Args:
        strings: clean, nullable.
        rows: int64[k], of strings that are not null.
        edit: of one text.
    """
    if not len(rows):
        return strings
    texts = strings.to_pylist()
    for row in rows.tolist():
        texts[row] = edit(texts[row])
    return pa.array(texts, pa.large_string())


def rows_with(points: CodePoints, signs: np.ndarray) -> np.ndarray:
    """Returns int64[k], the rows that have one of the signs.

    Args:
        points: of captions.
        signs: bool[m].
    """
    return np.flatnonzero(points.count(signs))
