"""Rules on captions alone. Filters are pure: Arrow strings in, no-null booleans out; beside each stands its measure."""

from filters.text.boilerplate import is_not_boilerplate, normalise_caption
from filters.text.filenames import find_filename, is_not_filename
from filters.text.lengths import (
    count_characters,
    count_words,
    has_max_characters,
    has_max_words,
    has_min_characters,
    has_min_words,
)
from filters.text.links import is_not_url, url_ratio
from filters.text.markup import find_markup, is_free_of_markup
from filters.text.ratios import (
    digit_ratio,
    has_max_digit_ratio,
    has_max_punctuation_ratio,
    has_max_uppercase_ratio,
    has_min_letter_ratio,
    letter_ratio,
    punctuation_ratio,
    uppercase_ratio,
)
from filters.text.repetition import has_max_token_repetition_ratio, token_repetition_ratio

__all__ = [
    "count_characters",
    "count_words",
    "digit_ratio",
    "find_filename",
    "find_markup",
    "has_max_characters",
    "has_max_digit_ratio",
    "has_max_punctuation_ratio",
    "has_max_token_repetition_ratio",
    "has_max_uppercase_ratio",
    "has_max_words",
    "has_min_characters",
    "has_min_letter_ratio",
    "has_min_words",
    "is_free_of_markup",
    "is_not_boilerplate",
    "is_not_filename",
    "is_not_url",
    "letter_ratio",
    "normalise_caption",
    "punctuation_ratio",
    "token_repetition_ratio",
    "uppercase_ratio",
    "url_ratio",
]
