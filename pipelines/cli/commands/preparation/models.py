"""`babelsift models`: fetches a recipe's models."""

from __future__ import annotations

import argparse

from babelsift.pipelines.cli.folder_command import add_json_option, print_json
from babelsift.pipelines.cli.recipe_options import add_set_option, chosen_recipe


def add_models(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    models = commands.add_parser(
        "models",
        help="fetch the models of a recipe",
        description="Fetches what a recipe's models and columns need from Hugging Face's hub and elsewhere, loads "
        "each once, and says what was fetched; a run then needs no network for them.",
    )
    models.add_argument("action", choices=["fetch"])
    models.add_argument("recipe", metavar="RECIPE", help="preset name or YAML file")
    add_set_option(models)
    add_json_option(models)
    models.set_defaults(run=_models)


def _models(known: argparse.Namespace, _: list[str]) -> int:
    from babelsift.pipelines.job.fetch_models import fetch_models

    recipe, has_models = chosen_recipe(known), False
    for model in fetch_models(recipe):
        has_models = True
        if known.json:
            print_json({"setting": model.setting, "name": model.name, "fetched_bytes": model.bytes or 0})
            continue
        size = "is here" if model.bytes is None else f"fetched {model.bytes / 1e6:.1f} MB"
        print(f"{model.setting:30} {model.name}: {size}", flush=True)
    if not has_models and not known.json:
        print(f"{recipe.name} needs no models")
    return 0
