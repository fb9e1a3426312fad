"""Looks whether the languages that a recipe names are among those that its language model can identify."""

from __future__ import annotations

from collections.abc import Iterable

from babelsift.filters.language.identifier import LanguageIdentifier
from babelsift.filters.strings import SCRIPTS
from babelsift.schemas import RecipeError
from babelsift.schemas.languages import normalise_language

# Its entries may be any code of a language, and end in a script.
_KEEP = "language.keep"


def check_languages(named: Iterable[tuple[str, str]], identifier: LanguageIdentifier, *, others: bool = False) -> None:
    """Looks whether an identifier can identify every language that settings name, in the spelling that captions get.

    Args:
        named: (setting, language's code), as `Recipe.named_languages` lists them.
        identifier: loads its model.
        others: whether captions may be in languages that it cannot identify, as the input may say so.

    Raises:
        ModelError: the model cannot be loaded.
        RecipeError: the first language that no caption can be in; names the setting and the remedy.
    """
    for setting, code in named:
        language, _, script = code.partition("-")
        if setting != _KEEP and script:
            raise RecipeError(f"{setting}: {code!r} names a script, and {_KEEP} alone takes one; write {language!r}")
        spelt = normalise_language(language)
        if not others and spelt not in identifier.languages:
            raise RecipeError(
                f"{setting}: the language model {identifier.model or 'lid.176'} cannot identify {code!r}; "
                "remove it, or set language.model to a model that can"
            )
        if script in SCRIPTS and not others and not identifier.is_written_in(spelt, script):
            raise RecipeError(
                f"{setting}: no caption in {script} is labelled {spelt!r}, so that {code!r} would keep none; "
                f"write {language!r}"
            )
        if setting != _KEEP and spelt != language:
            raise RecipeError(f"{setting}: captions in {language!r} are labelled {spelt!r}; write {spelt!r}")
