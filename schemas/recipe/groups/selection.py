"""Which scored pairs a recipe keeps, how many of a kind, and in what shards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_serializer, model_validator

from babelsift.schemas.recipe.groups.numbers import (
    ByLanguage,
    Cosine,
    ExactNumber,
    Fraction,
    LanguageCode,
    PositiveInt,
    setting_for,
)
from babelsift.schemas.recipe.groups.settings import Settings
from babelsift.schemas.recipe.groups.text import CaptionRules

ModelChoice = str | Mapping[str, str] | None  # a model's name, one a language, or the first of the recipe


def model_for(model: ModelChoice, language: str | None, names: tuple[str, ...]) -> str | None:
    """Returns the name of the model that a rule's `model` chooses for a language; None where it chooses none.

    Args:
        model: a name, names by language, or None for the first of `names`.
        language: a pair's; None stands for languages that are not named.
        names: of the recipe's models.

    >>> model_for({"en": "a", "default": "b"}, "fi", ("a", "b")), model_for(None, "fi", ("a", "b"))
    ('b', 'a')
    """
    return next(iter(names), None) if model is None else setting_for(model, language)


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


class SelectRule(Settings):
    """A rule, or several joined: a pair must pass every setting that is on, all of `all_of` and one of `any_of`.

    `min_similarity` and fractions may be set by language, with `default` for the others. Fractions are of the pairs
    that reach this stage and have a similarity, wherever in the expression they stand: of all pairs, or a language's.

    Attributes:
        model: whose similarity is meant: a name, or one a language; the name of a column of numbers that the recipe
            makes counts as a similarity; null: that of the rule around it, at the top the first model
        min_similarity: the cosine must reach it
        top_fraction: of all pairs that have a similarity, the best
        top_fraction_by_language: of each language's own pairs, the best
        conditions: column: its bounds; columns that the recipe names, scores, sizes, columns of the input
        languages: as `language.keep`, but such pairs are scored, and fractions count them
        captions: as the group `captions`, but such pairs are scored, and fractions count them
        all_of: rules that must all hold
        any_of: rules of which one must hold
    """

    model: ByLanguage[str] | None = None
    min_similarity: ByLanguage[Cosine] | None = None
    top_fraction: Fraction | None = None
    top_fraction_by_language: ByLanguage[Fraction] | None = None
    conditions: dict[str, Condition] = Field(default_factory=dict)
    languages: tuple[LanguageCode, ...] | None = None
    captions: CaptionRules | None = None
    all_of: tuple[SelectRule, ...] = ()
    any_of: tuple[SelectRule, ...] = ()

    def walk(self, model: ModelChoice = None) -> Iterator[tuple[SelectRule, ModelChoice]]:
        """Yields this rule and all rules inside it, each with the model that it goes by.

        Args:
            model: of the rule around this one.
        """
        model = model if self.model is None else self.model
        yield self, model
        for inner in (*self.all_of, *self.any_of):
            yield from inner.walk(model)

    def required(self, model: ModelChoice = None) -> Iterator[tuple[SelectRule, ModelChoice]]:
        """Yields the rules that every pair must pass, this one first, each with the model that it goes by.

        Args:
            model: of the rule around this one.
        """
        model = model if self.model is None else self.model
        yield self, model
        for inner in self.all_of:
            yield from inner.required(model)

    @property
    def similarity_setting(self) -> str | None:
        """The name of a setting of this very rule that needs a similarity; None where there is none."""
        names = ("min_similarity", "top_fraction", "top_fraction_by_language")
        return next((name for name in names if getattr(self, name) is not None), None)


class PairCaps(Settings):
    """The most pairs of a caption, of a host and of a language that are kept; applied in this order.

    Attributes:
        per_caption: pairs of a caption
        per_host: pairs of a registered domain
        per_language: pairs of a language; a number, or one a language
        prefer: similarity: the best stay, ties by the seed; seed: drawn; null: similarity where there is a model
    """

    per_caption: PositiveInt | None = None
    per_host: PositiveInt | None = None
    per_language: ByLanguage[PositiveInt] | None = None
    prefer: Literal["similarity", "seed"] | None = None

    def __bool__(self) -> bool:
        return any(cap is not None for cap in (self.per_caption, self.per_host, self.per_language))


class SelectSettings(SelectRule):
    """Which scored pairs are kept: an expression of rules, then minimums, then caps.

    Attributes:
        exact_fractions: take the very value as a fraction's threshold, as DataComp does: the similarity at
            sorted-descending index int(n * fraction); else the lower edge of the bin of 2e-4 that it is in
        min_pairs_per_language: a language of which fewer are kept gets back its best pairs that similarity alone left
            out, until so many are kept or `lowest_similarity` is reached; `selection.json` says how many
        lowest_similarity: the least similarity of pairs that are given back
        one_to_one_in: `document`: of what all other rules keep, each image of a document with one text and each text
            with one image, as many as can be and so that their similarities have the greatest sum; the others are left
            out as `not_matched_in_document`; comes before `caps`; needs `babelsift[documents]` and an input of
            documents
        caps: at most so many of a kind
    """

    exact_fractions: bool = False
    min_pairs_per_language: ByLanguage[PositiveInt] | None = None
    lowest_similarity: Cosine | None = None
    one_to_one_in: Literal["document"] | None = None
    caps: PairCaps = PairCaps()

    @model_validator(mode="after")
    def _floor_has_a_use(self) -> SelectSettings:
        if self.lowest_similarity is not None and self.min_pairs_per_language is None:
            raise ValueError("lowest_similarity is the floor of min_pairs_per_language, which is not set")
        return self

    def check_models(self, names: tuple[str, ...], columns: tuple[str, ...] = ()) -> None:
        """Looks whether every setting that needs a similarity has a model, or a column of numbers in its place.

        Args:
            names: of the CLIP models.
            columns: names of heads and columns; one that gives several has them by `<its name>_<their own>`.

        Raises:
            ValueError: a setting has none; names it and the remedy.
        """
        for rule, model in self.walk():
            setting = rule.similarity_setting
            if rule is self and setting is None and self.min_pairs_per_language is not None:
                setting = "min_pairs_per_language"
            if setting and not names and model is None:
                raise ValueError(f"select.{setting} needs a similarity, but the recipe has no clip model; add `clip:`")
            models = [] if model is None else model.values() if isinstance(model, Mapping) else [model]
            for name in models:
                is_column = any(name == column or name.startswith(f"{column}_") for column in columns)
                if name not in names and not is_column:
                    others = f" or columns {list(columns)}" if columns else ""
                    raise ValueError(f"select.model {name!r} is not one of the clip models {list(names)}{others}")
        if self.one_to_one_in is not None and not names and self.model is None:
            raise ValueError(
                "select.one_to_one_in matches by similarity, but the recipe has no clip model; add `clip:`"
            )
        if self.caps.prefer == "similarity" and not names and self.model is None:
            raise ValueError("select.caps.prefer: similarity needs a clip model; add `clip:` or prefer the seed")


class BalanceSettings(Settings):
    """Draws pairs so that no concept outweighs the others; concepts are the entries of the recipe's `metadata`.

    Attributes:
        rule: metaclip-1: kept if any matched entry draws below t / max(count, t); metaclip-2: a t for each language, 1
            - prod(1 - p)
        threshold: t, in pairs; with metaclip-2 the reference language's: the share of tail matches that it gives there
            is the share of all other languages, too
        reference_language: the name of a language's list; metaclip-2 alone reads it
    """

    rule: Literal["metaclip-1", "metaclip-2"] = "metaclip-1"
    threshold: PositiveInt
    reference_language: LanguageCode = "en"


class ShardTexts(Settings):
    """Which of an image's texts are chosen, where several stay: the first of them is the sample's `.txt`.

    Attributes:
        choose: the order of an image's texts: `best_similarity`, `first` in the input, `longest`, `draw` by the seed,
            `per_language`: the best of each language in turn; null: by similarity where the recipe has a model, else
            the first
        at_most: how many are chosen; null: one, of `per_language` one a language
        keep: `all`: the others stay in the sample's json; `chosen`: they are left out as `text_not_chosen`; null: all
            where `at_most` is not set, else the chosen
    """

    choose: Literal["best_similarity", "first", "longest", "draw", "per_language"] | None = None
    at_most: PositiveInt | None = None
    keep: Literal["all", "chosen"] | None = None

    @property
    def keeps_all(self) -> bool:
        """Whether texts that are not chosen stay."""
        return self.keep == "all" or (self.keep is None and self.at_most is None)

    @property
    def most(self) -> int | None:
        """How many texts of an image are chosen; None: as many as it has languages."""
        return self.at_most or (None if self.choose == "per_language" else 1)

    def order(self, has_similarity: bool) -> str:
        """Returns what texts are ordered by, of one language or all; has_similarity: whether there is a CLIP model."""
        if self.choose in (None, "per_language"):
            return "best_similarity" if has_similarity else "first"
        return str(self.choose)


class ShardSettings(Settings):
    """The product's shards.

    Attributes:
        samples_per_shard: all but the last hold exactly so many
        validation_fraction: of all pairs, by their uid alone, into shards of their own; null: none
        embeddings: write the models' embeddings, row by row as in the shards' parquet
        texts: which texts of an image stay
    """

    samples_per_shard: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] | None = None
    embeddings: bool = False
    texts: ShardTexts = ShardTexts()
