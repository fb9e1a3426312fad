"""The recipe that a command goes by: a name or a file, and settings that the command line changes."""

from __future__ import annotations

import argparse

from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.schemas import Recipe


def add_set_option(parser: argparse.ArgumentParser) -> None:
    """Adds --set to a command's parser."""
    parser.add_argument(
        "--set",
        default=[],
        action="append",
        metavar="SETTING=VALUE",
        help="a setting that the recipe has otherwise, such as captions.min_words=2 or language.keep='[en, de]'; the "
        "value is YAML; may be repeated",
    )


def chosen_recipe(known: argparse.Namespace) -> Recipe:
    """Returns the recipe that the options name.

    Raises:
        RecipeError: there is none of that name, or it or a changed setting is wrong.
    """
    return load_recipe(known.recipe, known.set)
