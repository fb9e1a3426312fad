"""Which language a caption is in. Import `LanguageIdentifier`, and codes of languages, from here."""

from babelsift.filters.language.identifier import (
    LanguageIdentifier,
)
from babelsift.filters.language.named_languages import check_languages
from babelsift.filters.language.said_languages import agreed_languages, said_language, said_languages
from babelsift.schemas.languages import UNDETERMINED, normalise_language

__all__ = [
    "UNDETERMINED",
    "LanguageIdentifier",
    "agreed_languages",
    "check_languages",
    "normalise_language",
    "said_language",
    "said_languages",
]
