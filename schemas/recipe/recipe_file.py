"""Reads and writes recipes as YAML, with one clear line for everything that is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from babelsift.schemas.errors import RecipeError
from babelsift.schemas.public_urls import public_values
from babelsift.schemas.recipe import Recipe
from babelsift.schemas.recipe.changed_settings import with_changes
from babelsift.schemas.recipe.named_recipes import check_fits, spell_out
from babelsift.schemas.recipe.yaml_text import load_yaml
from babelsift.schemas.suggestions import did_you_mean


def parse_recipe(
    text: str, *, source: str, find: Callable[[str], Recipe] | None = None, changes: Sequence[str] = ()
) -> Recipe:
    """Returns the recipe that a YAML text describes.

    Args:
        source: the file or preset the text came from, for messages.
        find: the recipe of a name or file that a select rule names; without it such names are unknown settings.
        changes: settings that the command line changes, as `with_changes` takes them.

    Raises:
        RecipeError: not YAML, or one line for each setting that is unknown, of the wrong type or out of range.
    """
    content = load_yaml(text, source=source)
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise RecipeError(f"{source}: a recipe is a mapping, found {kind}; see `babelsift recipes show demo`")
    if not changes:
        return _recipe(content, source=source, find=find)
    try:
        return _recipe(with_changes(content, changes), source="--set", find=find)
    except RecipeError:
        _recipe(content, source=source, find=find)  # what is wrong without the changes, is wrong in the file
        raise


def _recipe(content: dict[str, Any], *, source: str, find: Callable[[str], Recipe] | None) -> Recipe:
    if find is None or not isinstance(content.get("select"), dict):
        return recipe_from(content, source=source)
    try:
        select, named = spell_out(content["select"], find)
        recipe = recipe_from({**content, "select": select}, source=source)
        for inner in named:
            check_fits(recipe, inner)
    except RecipeError as error:
        raise RecipeError(str(error) if str(error).startswith(source) else f"{source}: {error}") from error
    return recipe


def recipe_from(content: Mapping[str, Any], *, source: str) -> Recipe:
    """Returns the validated recipe; see `parse_recipe`."""
    try:
        # The JSON mode of pydantic is strict about types and still takes YAML's lists where the recipe has tuples.
        return Recipe.model_validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        raise RecipeError("; ".join(f"{source}: {line}" for line in _describe_all(error))) from error


def dump_recipe(recipe: Recipe) -> str:
    """Returns the resolved recipe as YAML, every setting written out; `parse_recipe` reads it back equal.

    URLs in it are without credentials and signatures.
    """
    return yaml.safe_dump(public_values(recipe.model_dump(mode="json")), sort_keys=False, allow_unicode=True, width=100)


def _describe_all(error: ValidationError) -> list[str]:
    """Returns one line a setting; where it may be of several types, pydantic reports each, and the first is said."""
    lines: dict[str, str] = {}
    for details in error.errors():
        path = tuple(key for key in details["loc"] if isinstance(key, int) or key.replace("_", "").isidentifier())
        where = ".".join(map(str, path))
        lines.setdefault(where, _describe({**details, "loc": path}))
    return list(lines.values())


def _describe(error: Mapping[str, Any]) -> str:
    where = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        known = _known_keys(error["loc"][:-1])
        hint = did_you_mean(str(error["loc"][-1]), known, otherwise=f"known here: {', '.join(known)}")
        return f"unknown setting {where!r}; {hint}"
    if error["type"] == "missing":
        return f"setting {where!r} is missing"
    if error["type"] == "value_error":  # says itself what it found
        message = str(error["ctx"]["error"])
        return f"{where}: {message}" if where else message
    message = f"{error['msg'][0].lower()}{error['msg'][1:]}, found {error['input']!r}"
    return f"{where}: {message}{_share_hint(error)}" if where else message


def _share_hint(error: Mapping[str, Any]) -> str:
    """Returns the remedy for a percentage where a share or a cosine is asked for."""
    value = error["input"]
    if isinstance(value, str) and error["type"] == "float_type" and value.rstrip().endswith("%"):
        value = value.rstrip()[:-1].strip().replace(".", "", 1)
        return "; write a share of 1, such as 0.3 for 30 %" if value.isdecimal() else ""
    if error["type"] == "less_than_equal" and error["ctx"]["le"] == 1 and value <= 100:
        return f"; did you mean {value / 100:g}?"
    return ""


def _known_keys(path: Sequence[str | int]) -> list[str]:
    model: Any = Recipe
    for key in path:
        if isinstance(key, int) or not (isinstance(model, type) and issubclass(model, BaseModel)):
            continue
        annotation = model.model_fields[key].annotation if key in model.model_fields else None
        model = _settings_in(annotation) or model
    return list(model.model_fields)


def _settings_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if settings := _settings_in(inner):
            return settings
    return None
