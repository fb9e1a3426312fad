"""Rules on captions alone. Filters are pure: Arrow strings in, no-null booleans out; beside each stands its measure."""

from babelsift.filters.strings import tokenize
from babelsift.filters.text.boilerplate import is_not_boilerplate, normalise_caption
from babelsift.filters.text.edits import edit_captions, normalise_unicode
from babelsift.filters.text.encoding_errors import (
    count_control_characters,
    is_free_of_control_characters,
    is_free_of_mojibake,
    repair_mojibake,
)
from babelsift.filters.text.explicit_words import is_free_of_explicit_words
from babelsift.filters.text.filenames import find_filename, is_not_filename
from babelsift.filters.text.flagged_words import FlaggedWords, is_free_of_flagged_words, shipped_flagged_words
from babelsift.filters.text.lengths import (
    count_characters,
    count_fasttext_tokens,
    count_spaced_words,
    count_words,
    has_max_characters,
    has_max_words,
    has_min_characters,
    has_min_fasttext_tokens,
    has_min_spaced_words,
    has_min_words,
)
from babelsift.filters.text.links import is_not_url, url_ratio
from babelsift.filters.text.markup import find_markup, is_free_of_markup
from babelsift.filters.text.parts_of_speech import has_parts_of_speech, load_tagger
from babelsift.filters.text.personal import find_personal_data, is_free_of_personal_data, mask_personal_data
from babelsift.filters.text.ratios import (
    digit_ratio,
    has_max_digit_ratio,
    has_max_punctuation_ratio,
    has_max_uppercase_ratio,
    has_min_letter_ratio,
    letter_ratio,
    punctuation_ratio,
    uppercase_ratio,
)
from babelsift.filters.text.repetition import has_max_token_repetition_ratio, token_repetition_ratio
from babelsift.filters.text.vocabulary import NgramVocabulary, has_frequent_tokens_only

__all__ = [
    "FlaggedWords",
    "NgramVocabulary",
    "count_characters",
    "count_control_characters",
    "count_fasttext_tokens",
    "count_spaced_words",
    "count_words",
    "digit_ratio",
    "edit_captions",
    "find_filename",
    "find_markup",
    "find_personal_data",
    "has_frequent_tokens_only",
    "has_max_characters",
    "has_max_digit_ratio",
    "has_max_punctuation_ratio",
    "has_max_token_repetition_ratio",
    "has_max_uppercase_ratio",
    "has_max_words",
    "has_min_characters",
    "has_min_fasttext_tokens",
    "has_min_letter_ratio",
    "has_min_spaced_words",
    "has_min_words",
    "has_parts_of_speech",
    "is_free_of_control_characters",
    "is_free_of_explicit_words",
    "is_free_of_flagged_words",
    "is_free_of_markup",
    "is_free_of_mojibake",
    "is_free_of_personal_data",
    "is_not_boilerplate",
    "is_not_filename",
    "is_not_url",
    "letter_ratio",
    "load_tagger",
    "mask_personal_data",
    "normalise_caption",
    "normalise_unicode",
    "punctuation_ratio",
    "repair_mojibake",
    "shipped_flagged_words",
    "token_repetition_ratio",
    "tokenize",
    "uppercase_ratio",
    "url_ratio",
]
