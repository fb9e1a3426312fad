"""Scripts that write no spaces between words, and how much of a word each of their letters is on average."""

from __future__ import annotations

import numpy as np

from babelsift.filters.strings.script import SCRIPTS

# Letters (marks not counted) of an average word, where words are written without spaces between them, so that a count
# needs no dictionary. In twelfths of a word a letter: Han 1.5 letters, Hiragana 2, Katakana 4, and so on.
WORD_TWELFTHS = 12


_UNSPACED = {
    "Hani": 8,
    "Hira": 6,
    "Kana": 3,
    "Bopo": 4,
    "Thai": 4,
    "Laoo": 4,
    "Khmr": 3,
    "Mymr": 4,
    "Tibt": 6,
    "Yiii": 8,
    "Lana": 4,
    "Talu": 4,
    "Tale": 4,
    "Java": 4,
    "Bali": 4,
}


TWELFTHS_OF_A_WORD = np.array([_UNSPACED.get(script, 0) for script in SCRIPTS], dtype=np.int64)


def is_unspaced(scripts: np.ndarray) -> np.ndarray:
    """Returns bool[m], the script indices of scripts that write no spaces between words.

    Args:
        scripts: uint8[m], as `letter_scripts` returns them.
    """
    return (TWELFTHS_OF_A_WORD > 0)[scripts]
