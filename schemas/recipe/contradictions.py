"""Settings of a recipe that no pair can meet together, found before a run: `min_words: 5` beside `max_words: 3`.

Every rule that compares a number is a bound on a quantity. Rules that a pair must all pass contradict one another where
the highest lower bound of a quantity lies above its lowest upper bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from babelsift.schemas.columns import similarity_column
from babelsift.schemas.languages import UNDETERMINED, normalise_language
from babelsift.schemas.recipe.groups.numbers import DEFAULT, setting_for
from babelsift.schemas.recipe.groups.selection import ModelChoice, SelectRule, model_for
from babelsift.schemas.recipe.groups.settings import EntryList
from babelsift.schemas.recipe.groups.text import CaptionRules

if TYPE_CHECKING:
    from babelsift.schemas.recipe.whole import Recipe

_CHARACTERS, _WORDS, _AREA = "characters of a caption", "words of a caption", "px of an image's area"
_URL_CHARACTERS, _SHORTEST_URL = "characters of a URL", "http://a.b"
# What columns hold, whatever a recipe says: the lowest and the highest value.
_COLUMN_RANGES: Mapping[str, tuple[float, float]] = {
    "language_score": (0, 1),
    "phash_quality": (0, 1),
    **dict.fromkeys(("width", "height", "original_width", "original_height", "original_bytes"), (1, math.inf)),
}


@dataclass(frozen=True)
class Bound:
    """One side of what a quantity may be.

    Attributes:
        quantity: a column's name, or what is counted.
        value: the bound, in the quantity's unit.
        is_lower: whether values must lie above it, not below.
        is_open: whether the value itself is out of bounds.
        said: the setting and its value, for messages.
    """

    quantity: str
    value: float
    is_lower: bool
    said: str
    is_open: bool = False


@dataclass(frozen=True)
class _LanguageSet:
    """The languages that a setting lets through."""

    codes: frozenset[str]
    setting: str


@dataclass(frozen=True)
class _Conjunction:
    """The rules that a pair must pass together."""

    bounds: tuple[Bound, ...] = ()
    languages: tuple[_LanguageSet, ...] = ()

    def __add__(self, other: _Conjunction) -> _Conjunction:
        return _Conjunction(self.bounds + other.bounds, self.languages + other.languages)


def find_contradictions(recipe: Recipe) -> list[str]:
    """Returns a line for each two settings of a recipe that no pair can meet together."""
    every_pair = _recipe_rules(recipe)
    contradictions = [*_conflicts(every_pair, _Conjunction()), *_empty_lists(recipe), *_crossed_ranges(recipe)]
    _walk(recipe.select, "select", None, recipe.model_names, every_pair, contradictions)
    return list(dict.fromkeys(contradictions))


def _recipe_rules(recipe: Recipe) -> _Conjunction:
    """Returns the rules outside `select` that every pair must pass, and the ranges of columns."""
    keep = recipe.language.keep
    bounds = (
        *_column_ranges(recipe),
        Bound(_CHARACTERS, 1, True, "a caption has 1 character or more"),
        *_caption_bounds(recipe.captions, "captions"),
        Bound(_URL_CHARACTERS, len(_SHORTEST_URL), True, f"{_SHORTEST_URL} has {len(_SHORTEST_URL)} characters"),
        *_bounds(_URL_CHARACTERS, recipe.urls.max_characters, "urls.max_characters", is_lower=False),
        *_bounds("language_score", recipe.language.min_score, "language.min_score", is_lower=True),
        *_image_bounds(recipe),
    )
    return _Conjunction(bounds, (_LanguageSet(_languages_of(keep), "language.keep"),) if keep else ())


def _column_ranges(recipe: Recipe) -> Iterator[Bound]:
    ranges = dict(_COLUMN_RANGES)
    ranges |= {similarity_column(name): (-1, 1) for name in recipe.model_names}
    ranges |= {head.name: (0, 1) for head in recipe.all_heads if head.is_share}
    for column, (lowest, highest) in ranges.items():
        said = f"column {column} holds {lowest:g} " + ("or more" if math.isinf(highest) else f"to {highest:g}")
        yield Bound(column, lowest, True, said)
        yield Bound(column, highest, False, said)


def _image_bounds(recipe: Recipe) -> Iterator[Bound]:
    download, images = recipe.download, recipe.images
    yield from _bounds("original_bytes", images.min_bytes, "images.min_bytes", is_lower=True)
    yield from _bounds("original_bytes", download.max_body_bytes, "download.max_body_bytes", is_lower=False)
    sides = {"download.min_image_size": download.min_image_size, "images.min_side_px": images.min_side_px}
    for setting, side in sides.items():
        if side:
            yield from _bounds("original_width", side, setting, is_lower=True)
            yield from _bounds("original_height", side, setting, is_lower=True)
            yield Bound(_AREA, side * side, True, f"{setting} is {side}, an area of {side * side}")
    yield from _bounds(_AREA, download.max_image_area, "download.max_image_area", is_lower=False)
    yield from _bounds(_AREA, download.max_source_pixels, "download.max_source_pixels", is_lower=False)


def _languages_of(codes: Iterable[str]) -> frozenset[str]:
    return frozenset(normalise_language(code.partition("-")[0]) for code in codes)


def _bounds(quantity: str, value: float | None, setting: str, *, is_lower: bool) -> list[Bound]:
    return [] if value is None else [Bound(quantity, value, is_lower, f"{setting} is {_shown(value)}")]


def _shown(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def _caption_bounds(rules: CaptionRules, where: str) -> Iterator[Bound]:
    for unit, quantity in (("characters", _CHARACTERS), ("words", _WORDS)):
        for side in ("min", "max"):
            value = getattr(rules, f"{side}_{unit}")
            yield from _bounds(quantity, value, f"{where}.{side}_{unit}", is_lower=side == "min")
    # However words are counted, each has a character of its own.
    for name in ("min_words", "min_spaced_words", "min_fasttext_tokens"):
        yield from _bounds(_CHARACTERS, getattr(rules, name), f"{where}.{name}", is_lower=True)


def _rule_itself(rule: SelectRule, where: str, model: ModelChoice, names: tuple[str, ...]) -> _Conjunction:
    """Returns what a select rule asks by itself, without the rules inside it."""
    bounds = [] if rule.captions is None else [*_caption_bounds(rule.captions, f"{where}.captions")]
    for column, condition in rule.conditions.items():
        for name in ("min", "above", "max", "below"):
            value, said = getattr(condition, name), f"{where}.conditions.{column}.{name}"
            if value is not None and not isinstance(value, Mapping) and not condition.keep_null:
                is_open = name in ("above", "below")
                bounds.append(Bound(column, value, name in ("min", "above"), f"{said} is {_shown(value)}", is_open))
    lowest = rule.min_similarity
    if isinstance(lowest, Mapping):
        lowest = min(lowest.values()) if DEFAULT in lowest else None
    scored_by = None if isinstance(model, Mapping) else model_for(model, None, names)
    if lowest is not None and scored_by is not None:
        column = similarity_column(scored_by) if scored_by in names else scored_by
        bounds += _bounds(column, lowest, f"{where}.min_similarity", is_lower=True)
    languages = [_LanguageSet(frozenset(rule.languages), f"{where}.languages")] if rule.languages else []
    spoken = rule.conditions.get("language")
    if spoken is not None and isinstance(spoken.one_of, tuple) and spoken.one_of:
        languages.append(_LanguageSet(frozenset(map(str, spoken.one_of)), f"{where}.conditions.language.in"))
    return _Conjunction(tuple(bounds), tuple(languages))


def _walk(
    rule: SelectRule,
    where: str,
    around: ModelChoice,
    names: tuple[str, ...],
    outer: _Conjunction,
    contradictions: list[str],
) -> _Conjunction:
    """Adds the contradictions inside a rule to `found`; returns the rules that a pair has passed behind it."""
    model = around if rule.model is None else rule.model
    itself = _rule_itself(rule, where, model, names)
    contradictions += _conflicts(itself, outer)
    passed = outer + itself
    for index, inner in enumerate(rule.all_of):
        passed = _walk(inner, f"{where}.all_of.{index}", model, names, passed, contradictions)
    for index, inner in enumerate(rule.any_of):
        _walk(inner, f"{where}.any_of.{index}", model, names, passed, contradictions)
    return passed


def _conflicts(new: _Conjunction, known: _Conjunction) -> Iterator[str]:
    """Yields a line for each contradiction that has part in the new rules."""
    together = new + known
    for quantity in dict.fromkeys(bound.quantity for bound in new.bounds):
        bounds = [bound for bound in together.bounds if bound.quantity == quantity]
        lower = max((b for b in bounds if b.is_lower), key=lambda bound: (bound.value, bound.is_open), default=None)
        upper = min((b for b in bounds if not b.is_lower), key=lambda b: (b.value, not b.is_open), default=None)
        if lower is None or upper is None or (lower not in new.bounds and upper not in new.bounds):
            continue
        if lower.value > upper.value or (lower.value == upper.value and (lower.is_open or upper.is_open)):
            yield f"{lower.said}, {upper.said}: no pair can meet both; change one of them"
    for mine in new.languages:
        for theirs in known.languages:
            if not mine.codes & theirs.codes:
                kept = [f"{rule.setting} lets {' '.join(sorted(rule.codes))} through" for rule in (theirs, mine)]
                yield f"{kept[0]}, {kept[1]}: no pair can meet both; change one of them"


def _crossed_ranges(recipe: Recipe) -> Iterator[str]:
    """Yields a line for each minimum above its maximum that is no rule on a pair."""
    for group in ("dedup_images", "dedup_semantic"):
        rates = getattr(recipe, group)
        lowest, highest = (None, None) if rates is None else (rates.min_removal_rate, rates.max_removal_rate)
        if lowest is not None and highest is not None and lowest > highest:
            yield f"{group}: min_removal_rate is {lowest:g}, above max_removal_rate, {highest:g}; change one of them"
    select = recipe.select
    for language in _named(select.min_pairs_per_language, select.caps.per_language):
        lowest = setting_for(select.min_pairs_per_language, language)
        highest = setting_for(select.caps.per_language, language)
        if lowest is not None and highest is not None and lowest > highest:
            yield (
                f"select: min_pairs_per_language is {lowest}, above caps.per_language, {highest}, "
                f"for {language}; change one of them"
            )
    floor, rules = select.lowest_similarity, [rule for rule, _ in select.walk()]
    if floor is None or select.min_similarity is None or any(rule.similarity_setting for rule in rules[1:]):
        return
    minimum = select.min_similarity
    highest = max(minimum.values()) if isinstance(minimum, Mapping) else minimum
    if select.top_fraction is None and select.top_fraction_by_language is None and floor >= highest:
        yield (
            f"select: lowest_similarity is {floor:g}, not below min_similarity, {highest:g}: "
            "min_pairs_per_language would get no pair back; lower it"
        )


def _named(*settings: object) -> list[str]:
    names = dict.fromkeys(name for setting in settings if isinstance(setting, Mapping) for name in setting)
    return [*names] if DEFAULT in names else [*names, DEFAULT]


def _empty_lists(recipe: Recipe) -> Iterator[str]:
    """Yields a line for each list that lets nothing through."""
    if recipe.language.keep == ():
        yield "language.keep is empty: no pair would stay; name languages, or write null for all"
    if recipe.urls.schemes == ():
        yield "urls.schemes is empty: no URL would pass; name some, or write null for any"
    if set(recipe.language.keep or ()) == {UNDETERMINED} and recipe.language.min_score:
        yield (
            f"language.min_score is {recipe.language.min_score:g}, language.keep lets only {UNDETERMINED} through, "
            "the score of which is 0: no pair can meet both; change one of them"
        )
    for rule, _ in recipe.select.walk():
        if rule.languages == ():
            yield "select: languages is empty: no pair would pass; name languages, or write null for all"
        for column, condition in rule.conditions.items():
            for name, values in condition.value_lists:
                if not values and name != "not_in":
                    where = f"select.conditions.{column}.{name}"
                    yield f"{where} is empty: no pair would pass; name values, or leave it out"
    spoken = recipe.select.conditions.get("language")
    unwanted = spoken.not_in if spoken is not None and isinstance(spoken.not_in, tuple) else ()
    if recipe.language.keep and _languages_of(recipe.language.keep) <= set(unwanted):
        yield "select.conditions.language.not_in has all of language.keep: no pair would pass; change one of them"
    for kind in ("hosts", "suffixes"):
        allowed, blocked = getattr(recipe.urls, f"allowed_{kind}"), getattr(recipe.urls, f"blocked_{kind}")
        if allowed is None or allowed.files:
            continue
        if not allowed.entries:
            yield f"urls.allowed_{kind} is empty: no URL would pass; name some, or write null for any"
        elif blocked is not None and all(_is_listed(name, blocked) for name in allowed.entries):
            yield f"urls.blocked_{kind} has all of urls.allowed_{kind}: no URL would pass; change one of them"


def _is_listed(name: str, names: EntryList) -> bool:
    """Whether a list has a name, or one that it lies below."""
    plain = name.lower().removeprefix("*.").strip(".")
    listed = {entry.lower().removeprefix("*.").strip(".") for entry in names.entries}
    labels = plain.split(".")
    return any(".".join(labels[start:]) in listed for start in range(len(labels)))
