"""`babelsift recipes`: the presets."""

from __future__ import annotations

import argparse

from babelsift.pipelines.recipes.presets import preset_names, preset_text
from babelsift.schemas import RecipeError, parse_recipe


def add_recipes(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    recipes = commands.add_parser("recipes", help="list the preset recipes, or print one")
    recipes.add_argument("action", nargs="?", choices=["list", "show"], default="list")
    recipes.add_argument("name", nargs="?", help="preset to show")
    recipes.set_defaults(run=_recipes)


def _recipes(known: argparse.Namespace, _: list[str]) -> int:
    if known.action == "show":
        if known.name is None:
            raise RecipeError(f"which preset? one of {', '.join(preset_names())}")
        print(preset_text(known.name), end="")
        return 0
    for name in preset_names():
        recipe = parse_recipe(preset_text(name), source=name)
        missing = f"; missing: {', '.join(recipe.requires)}" if recipe.requires else ""
        print(f"{name:24} {recipe.description}{missing}")
    return 0
