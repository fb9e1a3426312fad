"""Conditions on a column: bounds, members, and what a row without a value does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from pydantic import Field, model_serializer, model_validator

from babelsift.schemas.recipe.groups.numbers import (
    ByLanguage,
    ExactNumber,
    setting_for,
)
from babelsift.schemas.recipe.groups.settings import Settings

Value = str | int | float | bool
_BOUNDS = (("min", ">="), ("above", ">"), ("max", "<="), ("below", "<"))
_MEMBERS = (("one_of", "in"), ("not_in", "not in"), ("any_of", "any of"))
_SHOWN_VALUES = 8
_LARGEST_INTEGER = 2**64  # that is shown with all its digits


class Condition(Settings):
    """What a column's value must be, for all languages or by language; what is null is off, a null value meets none.

    Attributes:
        min: the value must be >= it
        max: the value must be <= it
        above: the value must be > it; not with `min`
        below: the value must be < it; not with `max`
        one_of: the value is one of these; of a list, all its items are
        not_in: the value is none of these; of a list, no item is
        any_of: an item of the list is one of these
        keep_null: a null value passes
        at: select: decide in the stage select; null: at the end of the stage that makes the column
    """

    min: ByLanguage[ExactNumber] | None = None
    max: ByLanguage[ExactNumber] | None = None
    above: ByLanguage[ExactNumber] | None = None
    below: ByLanguage[ExactNumber] | None = None
    one_of: ByLanguage[tuple[Value, ...]] | None = Field(default=None, alias="in")
    not_in: ByLanguage[tuple[Value, ...]] | None = None
    any_of: ByLanguage[tuple[Value, ...]] | None = None
    keep_null: bool = False
    at: Literal["select"] | None = None

    @model_validator(mode="after")
    def _bounds_fit(self) -> Condition:
        if not self.compares_numbers and not self.compares_values:
            raise ValueError(
                "a condition needs one of min (>=), max (<=), above (>), below (<), or of in, not_in, any_of"
            )
        if self.compares_numbers and self.compares_values:
            raise ValueError("a condition compares numbers (min, max, above, below) or values (in, not_in, any_of)")
        for first, second in (("min", "above"), ("max", "below")):
            if getattr(self, first) is not None and getattr(self, second) is not None:
                raise ValueError(f"a condition has {first} or {second}, not both")
        for language in self.languages or (None,):
            wanted = self.for_language(language)
            low = wanted.above if wanted.min is None else wanted.min
            high = wanted.below if wanted.max is None else wanted.max
            open_ends = self.above is not None or self.below is not None
            if isinstance(low, Mapping) or isinstance(high, Mapping) or low is None or high is None:
                continue
            if low > high or (low == high and open_ends):
                raise ValueError(f"no value is both {wanted.text()}")
        return self

    @model_serializer(mode="wrap")
    def _said(self, plain: Callable[[Condition], dict[str, Any]]) -> dict[str, Any]:
        # Keys that came later are left out where they say nothing, so that older recipes are written as they were.
        said = {"in" if key == "one_of" else key: value for key, value in plain(self).items()}
        later = ("in", "not_in", "any_of", "at")
        return {key: value for key, value in said.items() if value is not None or key not in later}

    @property
    def compares_numbers(self) -> bool:
        """Whether it has bounds."""
        return any(getattr(self, name) is not None for name, _ in _BOUNDS)

    @property
    def compares_values(self) -> bool:
        """Whether it has lists of values."""
        return any(getattr(self, name) is not None for name, _ in _MEMBERS)

    @property
    def value_lists(self) -> Iterator[tuple[str, tuple[Value, ...]]]:
        """Each of its lists with its name in a recipe, those of a language too."""
        for name, _ in _MEMBERS:
            setting = getattr(self, name)
            lists = setting.values() if isinstance(setting, Mapping) else [] if setting is None else [setting]
            for values in lists:
                yield ("in" if name == "one_of" else name), values

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that it names, `default` among them; none where it is the same for all."""
        settings = (getattr(self, name) for name, _ in (*_BOUNDS, *_MEMBERS))
        return tuple(dict.fromkeys(key for setting in settings if isinstance(setting, Mapping) for key in setting))

    def for_language(self, language: str | None) -> Condition:
        """Returns the condition as it is for a language; one that asks for nothing there has no bound at all."""
        names = [name for name, _ in (*_BOUNDS, *_MEMBERS)]
        return self.model_copy(update={name: setting_for(getattr(self, name), language) for name in names})

    def text(self) -> str:
        """Returns the condition as the ledger shows it.

        >>> Condition(min=0.2, below=0.5).text(), Condition(any_of=("a", "b")).text()
        ('>= 0.2, < 0.5', 'any of a, b')
        """
        bounds = [f"{sign} {_number(getattr(self, name))}" for name, sign in _BOUNDS if getattr(self, name) is not None]
        lists = [f"{sign} {_listed(getattr(self, name))}" for name, sign in _MEMBERS if getattr(self, name) is not None]
        return ", ".join([*bounds, *lists])


def _number(value: object) -> str:
    if isinstance(value, float | int):
        return str(int(value)) if abs(value) <= _LARGEST_INTEGER and value == int(value) else str(value)
    return str(value)


def _listed(values: Any) -> str:
    if isinstance(values, Mapping):
        return str(values)
    shown = [str(value) for value in values[:_SHOWN_VALUES]]
    return ", ".join([*shown, "..."] if len(values) > _SHOWN_VALUES else shown)
