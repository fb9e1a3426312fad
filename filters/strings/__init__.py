"""Strings below the level of a rule: code points and their kinds, scripts, tokens, patterns, lists, substring search.

Filters share these; a user needs them only to write a filter. `flatten` turns an Arrow array into code points once, and
every rule on the same array uses them again. Lists that recipes name are read by `entry_lists`, which is imported by
its own name: it needs recipes and file systems, and the rest of the room neither.
"""

from babelsift.filters.strings.chinese_forms import HAN_FORMS, han_forms
from babelsift.filters.strings.code_points import (
    DIGIT,
    INVISIBLE,
    LETTER,
    LOWER,
    MARK,
    SPACE,
    SYMBOL,
    UPPER,
    CodePoints,
    clean_strings,
    flags_table,
    flatten,
    keep_mask,
    lower_table,
    measure_array,
    string_bytes,
)
from babelsift.filters.strings.first_words import FirstWords
from babelsift.filters.strings.re2_pattern import Pattern
from babelsift.filters.strings.script import (
    SCRIPTS,
    count_by_script,
    dominant_scripts,
    is_mainly_in_script,
    letter_scripts,
    script_table,
    weigh,
)
from babelsift.filters.strings.substring_index import Occurrences, SubstringIndex
from babelsift.filters.strings.thresholds import at_least, at_most, check_count, check_ratio, ratio
from babelsift.filters.strings.tokens import Tokens, TokenTexts, inside_words, tokenize, tokenize_with_texts
from babelsift.filters.strings.unicode_forms import normalise
from babelsift.filters.strings.unspaced import TWELFTHS_OF_A_WORD, WORD_TWELFTHS, is_unspaced

__all__ = [
    "DIGIT",
    "HAN_FORMS",
    "INVISIBLE",
    "LETTER",
    "LOWER",
    "MARK",
    "SCRIPTS",
    "SPACE",
    "SYMBOL",
    "TWELFTHS_OF_A_WORD",
    "UPPER",
    "WORD_TWELFTHS",
    "CodePoints",
    "FirstWords",
    "Occurrences",
    "Pattern",
    "SubstringIndex",
    "TokenTexts",
    "Tokens",
    "at_least",
    "at_most",
    "check_count",
    "check_ratio",
    "clean_strings",
    "count_by_script",
    "dominant_scripts",
    "flags_table",
    "flatten",
    "han_forms",
    "inside_words",
    "is_mainly_in_script",
    "is_unspaced",
    "keep_mask",
    "letter_scripts",
    "lower_table",
    "measure_array",
    "normalise",
    "ratio",
    "script_table",
    "string_bytes",
    "tokenize",
    "tokenize_with_texts",
    "weigh",
]
