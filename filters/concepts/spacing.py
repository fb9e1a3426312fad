"""How MetaCLIP puts spaces around captions and entries, so that an entry matches whole words as a plain substring.

Source: MetaCLIP (Xu et al. 2023), metaclip/substr_matching.py; MetaCLIP 2 (Chuang et al. 2025),
metaclip/curation/substr_matching.py.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from babelsift.filters.strings import clean_strings

Spacing = Literal["always", "by_script", "by_script_and_kana"]

_WRAPPED = "([,.;:?!`])"
_BLANKS = "[\t\n\r]"

# Where MetaCLIP 2 adds no space: Han and its radicals, Thai, Lao, Tibetan, Myanmar, Khmer; neither kana nor Hangul.
_UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x0F00, 0x0FFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x2E80, 0x2FDF),
    (0x2FF0, 0x2FFF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2EBEF),
)
_KANA = ((0x3040, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F), (0x1B000, 0x1B16F))
_PUNCTUATION = frozenset(string.punctuation) | frozenset("，。、；：？！“”‘’（）【】《》〈〉「」『』～—")


def space_captions(captions: pa.Array) -> pa.LargeStringArray:
    """Returns captions as MetaCLIP spaces them: a space at both ends and around `, . ; : ? ! `` `, no tabs or newlines.

    Args:
        captions: string[n], nullable.

    Returns:
        large_string[n], null where the caption is.

    >>> space_captions(pa.array(["a cat, asleep"])).to_pylist()
    [' a cat ,  asleep ']
    """
    strings = clean_strings(captions)
    wrapped = pc.replace_substring_regex(strings, _WRAPPED, r" \1 ")
    blank = pc.replace_substring_regex(wrapped, _BLANKS, " ")
    space, nothing = pa.scalar(" ", pa.large_string()), pa.scalar("", pa.large_string())
    return pc.binary_join_element_wise(space, blank, space, nothing)


def space_entries(entries: Sequence[str], *, spacing: Spacing) -> list[str]:
    """Returns entries with the spaces that an entry must have around it in a spaced caption.

    Args:
        entries: of one list, none empty.
        spacing: "always" adds a space at both ends (MetaCLIP). "by_script" decides each end by its own character and
            adds none beside punctuation or a script that is written without spaces (MetaCLIP 2), kana and Hangul
            excepted, as in its code. "by_script_and_kana" adds none beside kana either.

    >>> space_entries(["cat", "C++", "猫", "かな"], spacing="by_script")
    [' cat ', ' C++', '猫', ' かな ']
    """
    if spacing == "always":
        return [f" {entry} " for entry in entries]
    ranges = _UNSPACED + _KANA if spacing == "by_script_and_kana" else _UNSPACED
    return [f"{_space(entry[0], ranges)}{entry}{_space(entry[-1], ranges)}" for entry in entries]


def _space(end: str, unspaced: Sequence[tuple[int, int]]) -> str:
    code_point = ord(end)
    return "" if end in _PUNCTUATION or any(low <= code_point <= high for low, high in unspaced) else " "
