"""Which language a caption is in. Import `LanguageIdentifier`, and codes of languages, from here."""

from babelsift.filters.language.codes import (
    UNDETERMINED,
    normalise_language,
)
from babelsift.filters.language.identifier import (
    LanguageIdentifier,
)

__all__ = [
    "UNDETERMINED",
    "LanguageIdentifier",
    "normalise_language",
]
