"""Recipes that a select rule names: `all_of: [{recipe: a}, {recipe: b}]` keeps what both keep.

A name stands for the rule that the recipe comes to: its `select`, `captions` and `language.keep`. It is spelt out when
the recipe is read, so that a run folder's recipe says all by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from babelsift.schemas.errors import RecipeError
from babelsift.schemas.recipe import Recipe
from babelsift.schemas.recipe.groups.selection import SelectRule, SelectSettings
from babelsift.schemas.recipe.groups.text import CaptionRules

_KEY = "recipe"
# Groups that keep and leave out no pair, or that the naming recipe decides for both.
_NOT_OF_A_RULE = {"name", "description", "requires", "omits", "seed", "download", "clip", "heads", "columns", "shards"}
_SAID_BY_A_RULE = {"captions", "select", "language"}


@dataclass(frozen=True)
class NamedRecipe:
    """A recipe that a rule names.

    Attributes:
        where: the rule, as `select.all_of.0`.
        name: as it stands there.
    """

    where: str
    name: str
    recipe: Recipe


def spell_out(
    select: Mapping[str, Any], find: Callable[[str], Recipe], *, where: str = "select"
) -> tuple[dict[str, Any], list[NamedRecipe]]:
    """Returns a select group as its YAML has it with every name in its rules replaced, and the recipes named.

    Args:
        find: the recipe of a name or file; raises RecipeError.

    Raises:
        RecipeError: a name is no text, or its recipe cannot be said as a rule.
    """
    spelt, named = dict(select), []
    for key in ("all_of", "any_of"):
        if not isinstance(select.get(key), (list, tuple)):
            continue
        rules = []
        for index, rule in enumerate(select[key]):
            if isinstance(rule, Mapping):
                rule, inside = _spell_out_rule(rule, find, f"{where}.{key}.{index}")
                named += inside
            rules.append(rule)
        spelt[key] = rules
    return spelt, named


def check_fits(recipe: Recipe, named: NamedRecipe) -> None:
    """Looks whether the rule that a named recipe comes to means the same in the recipe that names it.

    Raises:
        RecipeError: a group of it is set, differs, and cannot be said by a rule; or its CLIP model is another.
    """
    inner, plain = named.recipe, Recipe(name="plain")
    for group in Recipe.model_fields.keys() - _NOT_OF_A_RULE - _SAID_BY_A_RULE:
        setting = getattr(inner, group)
        if setting not in (getattr(plain, group), getattr(recipe, group)):
            raise _refused(named, f"sets `{group}`, which a rule cannot say; write the same group into this recipe")
    outer_languages, inner_languages, plain_languages = (
        each.language.model_copy(update={"keep": None}) for each in (recipe, inner, plain)
    )
    if inner_languages not in (outer_languages, plain_languages):
        raise _refused(named, "identifies languages in another way; write its `language` group into this recipe")
    uses_fractions = any(rule.top_fraction or rule.top_fraction_by_language for rule, _ in inner.select.walk())
    if uses_fractions and inner.select.exact_fractions != recipe.select.exact_fractions:
        raise _refused(named, f"has exact_fractions: {inner.select.exact_fractions}".lower() + "; set the same here")
    for model in inner.clip:
        same = recipe.model_named(model.name)
        if same is None or (same.model, same.pretrained) != (model.model, model.pretrained):
            weights = f"model: {model.model}, pretrained: {model.pretrained}, name: {model.name}"
            raise _refused(named, f"goes by a model that this recipe does not have; add {{{weights}}} to `clip`")


def _spell_out_rule(
    rule: Mapping[str, Any], find: Callable[[str], Recipe], where: str
) -> tuple[dict[str, Any], list[NamedRecipe]]:
    rest, named = spell_out({key: value for key, value in rule.items() if key != _KEY}, find, where=where)
    if _KEY not in rule:
        return rest, named
    name = rule[_KEY]
    if not isinstance(name, str):
        raise RecipeError(f"{where}.{_KEY}: a preset's name or a recipe file, found {name!r}")
    recipe = NamedRecipe(where, name, find(name))
    spelt = _rule_of(recipe)
    return ({"all_of": [spelt, rest]} if rest else spelt), [recipe, *named]


def _rule_of(named: NamedRecipe) -> dict[str, Any]:
    recipe = named.recipe
    for setting in SelectSettings.model_fields.keys() - SelectRule.model_fields.keys() - {"exact_fractions"}:
        if getattr(recipe.select, setting) not in (None, SelectSettings.model_fields[setting].default):
            raise _refused(named, f"sets `select.{setting}`, which is of a whole selection, not of a rule in another")
    rule = {
        key: value
        for key, value in recipe.select.model_dump(mode="json", exclude_defaults=True).items()
        if key in SelectRule.model_fields
    }
    if recipe.model_names:
        rule.setdefault("model", recipe.model_names[0])
    beside: dict[str, Any] = {}
    if recipe.language.keep is not None:
        beside["languages"] = list(recipe.language.keep)
    if recipe.captions != CaptionRules():
        beside["captions"] = recipe.captions.model_dump(mode="json")
    # Where the rule says something of languages or captions itself, both must hold.
    return {"all_of": [rule, beside]} if beside.keys() & rule.keys() else rule | beside


def _refused(named: NamedRecipe, why: str) -> RecipeError:
    return RecipeError(f"{named.where}.{_KEY}: {named.name!r} {why}")
