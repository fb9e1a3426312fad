"""The recipe as JSON Schema, by which editors complete and check YAML."""

from __future__ import annotations

from typing import Any

from babelsift.schemas.recipe import Recipe


def recipe_schema() -> dict[str, Any]:
    """Returns the JSON Schema (2020-12) of a recipe as it is written: with short forms, and names of recipes in rules.

    >>> recipe_schema()["properties"]["captions"]["$ref"]
    '#/$defs/CaptionRules'
    """
    schema = Recipe.model_json_schema(mode="validation")
    name = {"type": "string", "description": "a preset's name or a recipe file, whose rule stands here"}
    schema["$defs"]["SelectRule"]["properties"]["recipe"] = name
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "babelsift recipe"}
