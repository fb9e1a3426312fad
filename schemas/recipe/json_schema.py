"""The recipe as JSON Schema, by which editors complete, explain and check YAML."""

from __future__ import annotations

import inspect
import re
from typing import Any

from pydantic import BaseModel

from babelsift.schemas.recipe import Recipe

_SETTING = re.compile(r"^    (\w+): (.+(?:\n {5,}.+)*)", re.MULTILINE)
_LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")


def recipe_schema() -> dict[str, Any]:
    """Returns the JSON Schema (2020-12) of a recipe as it is written: with short forms, and names of recipes in rules.

    Groups and settings are described by the docstrings of their classes.

    >>> recipe_schema()["properties"]["captions"]["$ref"]
    '#/$defs/CaptionRules'
    """
    schema = Recipe.model_json_schema(mode="validation")
    for model in settings_groups(Recipe):
        _describe(schema["$defs"].get(model.__name__, schema), model)
    name = {"type": "string", "description": "a preset's name or a recipe file, whose rule stands here"}
    schema["$defs"]["SelectRule"]["properties"]["recipe"] = name
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "babelsift recipe"}


def settings_groups(model: type[BaseModel]) -> list[type[BaseModel]]:
    """Returns a group of settings, and all groups within it, each once."""
    groups, waiting = [], [model]
    while waiting:
        group = waiting.pop(0)
        if group not in groups:
            groups.append(group)
            waiting += [inner for field in group.model_fields.values() for inner in models_in(field.annotation)]
    return groups


def models_in(kind: Any) -> list[type[BaseModel]]:
    """Returns the models that an annotation names: itself, or parts of it."""
    if inspect.isclass(kind) and issubclass(kind, BaseModel):
        return [kind]
    return [model for part in getattr(kind, "__args__", ()) for model in models_in(part)]


def setting_meanings(model: type[BaseModel]) -> dict[str, str]:
    """Returns what a group's docstring says of each setting, by its name in Python; links are Markdown.

    >>> setting_meanings(Recipe)["description"]
    'one line for `babelsift recipes`'
    """
    meanings: dict[str, str] = {}
    for group in reversed(model.__mro__):
        if issubclass(group, BaseModel) and group is not BaseModel:
            _, _, attributes = _docstring(group).partition("Attributes:\n")
            meanings |= {name: " ".join(text.split()) for name, text in _SETTING.findall(attributes)}
    return {name: meanings[name] for name in model.model_fields if name in meanings}


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Puts a group's docstring where editors look: what it is, and what each setting means."""
    schema["description"] = _summary(model)
    meanings = setting_meanings(model)
    for name, field in model.model_fields.items():
        text = meanings.get(name) or " ".join(map(_summary, models_in(field.annotation)[:1]))
        schema["properties"][field.alias or name]["description"] = _LINK.sub(r"\1", text)


def _summary(model: type[BaseModel]) -> str:
    return _docstring(model).partition("\n\nAttributes:")[0]


def _docstring(model: type[BaseModel]) -> str:
    return inspect.cleandoc(model.__doc__ or "")
