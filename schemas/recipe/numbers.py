"""The kinds of numbers and codes that settings are of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Discriminator, Field, Tag

from babelsift.schemas.languages import check_language

DEFAULT = "default"  # stands for every language that a mapping by language does not name

PositiveInt = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Ratio = Annotated[float, Field(ge=0, le=1)]
Fraction = Annotated[float, Field(gt=0, le=1)]
Cosine = Annotated[float, Field(ge=-1, le=1)]
LanguageCode = Annotated[str, AfterValidator(check_language)]


def _check_language_or_default(name: str) -> str:
    return name if name == DEFAULT else check_language(name)


def _shape(value: Any) -> str:
    return "by-language" if isinstance(value, Mapping) else "for-all"


LanguageOrDefault = Annotated[str, AfterValidator(_check_language_or_default)]
_Value = TypeVar("_Value")
# A value for all languages, or one a language with `default` for those that are not named.
ByLanguage = Annotated[
    Annotated[_Value, Tag("for-all")] | Annotated[dict[LanguageOrDefault, _Value], Tag("by-language")],
    Discriminator(_shape),
]
