"""The kinds of numbers and codes that settings are of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Discriminator, Field, Tag, WrapSerializer, WrapValidator

from babelsift.schemas.languages import check_language

DEFAULT = "default"  # stands for every language that a mapping by language does not name

_LARGEST = 2**63 - 1  # that Arrow's integers hold
PositiveInt = Annotated[int, Field(ge=1, le=_LARGEST)]
Count = Annotated[int, Field(ge=0, le=_LARGEST)]
Ratio = Annotated[float, Field(ge=0, le=1)]
Fraction = Annotated[float, Field(gt=0, le=1)]
Cosine = Annotated[float, Field(ge=-1, le=1)]
LanguageCode = Annotated[str, AfterValidator(check_language)]


def _exact(value: Any, as_double: Callable[[Any], float]) -> float:
    double = as_double(value)
    return value if type(value) is int and value != double else double


def _exact_said(value: Any, as_double: Callable[[Any], Any]) -> Any:
    return value if isinstance(value, int) else as_double(value)


# A number; an integer that no double is, such as 2**53 + 1, stays an integer.
ExactNumber = Annotated[float, WrapValidator(_exact), WrapSerializer(_exact_said)]


def _check_language_or_default(name: str) -> str:
    return name if name == DEFAULT else check_language(name)


def _shape(value: Any) -> str:
    return "by-language" if isinstance(value, Mapping) else "for-all"


LanguageOrDefault = Annotated[str, AfterValidator(_check_language_or_default)]
_Value = TypeVar("_Value")
# A value for all languages, or a value for each language, with `default` for those that are not named.
ByLanguage = Annotated[
    Annotated[_Value, Tag("for-all")] | Annotated[dict[LanguageOrDefault, _Value], Tag("by-language")],
    Discriminator(_shape),
]


def setting_for(setting: _Value | Mapping[str, _Value] | None, language: str | None) -> _Value | None:
    """Returns the value that a setting, for all languages or by language, has for a language; None where it has none.

    Args:
        setting: a value for all languages, or language -> value, perhaps with "default".
        language: a code; None: of unknown language.

    >>> setting_for({"en": 0.3, "default": 0.26}, "fi"), setting_for(0.3, "fi"), setting_for({"en": 0.3}, "fi")
    (0.26, 0.3, None)
    """
    if isinstance(setting, Mapping):
        return setting.get(language or DEFAULT, setting.get(DEFAULT))
    return setting
