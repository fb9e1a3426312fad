"""Which scored pairs a recipe keeps, and how many of a kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field, model_validator

from babelsift.schemas.recipe.groups.conditions import Condition
from babelsift.schemas.recipe.groups.numbers import (
    ByLanguage,
    Cosine,
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
