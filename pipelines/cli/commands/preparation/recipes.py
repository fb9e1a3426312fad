"""`babelsift recipes`: the presets, and recipes of one's own: whether they are right, and a schema for editors."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from babelsift.pipelines.cli.exit_status import USER_ERROR, say
from babelsift.pipelines.cli.folder_command import add_json_option, print_json
from babelsift.pipelines.cli.recipe_options import add_set_option
from babelsift.pipelines.cli.text_table import terminal_width, text_table
from babelsift.pipelines.recipes.presets import load_recipe, preset_names, preset_text
from babelsift.schemas import BabelsiftError, Recipe, RecipeError, dump_recipe, parse_recipe, public_text, public_values


def add_recipes(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    recipes = commands.add_parser(
        "recipes", help="list the preset recipes, print one, check one of your own, or print the schema for editors"
    )
    add_json_option(recipes)
    recipes.set_defaults(run=_list, parser=recipes)
    actions = recipes.add_subparsers(metavar="ACTION")
    listed = actions.add_parser("list", help="list the presets")
    add_json_option(listed, default=argparse.SUPPRESS)
    listed.set_defaults(run=_list, parser=listed)
    show = actions.add_parser("show", help="print a preset")
    show.add_argument("name", nargs="?", help="preset to show")
    add_set_option(show)
    show.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="every setting, for programs")
    show.set_defaults(run=_show, parser=show)
    check = actions.add_parser(
        "check",
        help="check recipes, and the files that they name",
        description="Checks recipes as a run does before it reads its first row, but for the files of models and "
        "input; imports the functions that columns call.",
    )
    check.add_argument("recipes", nargs="+", metavar="FILE", help="a YAML file, or a preset's name")
    add_set_option(check)
    add_json_option(check, default=argparse.SUPPRESS)
    check.set_defaults(run=_check, parser=check)
    schema = actions.add_parser(
        "schema",
        help="print the JSON Schema of recipes, by which editors complete and check",
        description="Prints the JSON Schema of recipes. Editors take it by a first line "
        "`# yaml-language-server: $schema=recipe.schema.json`, or by their settings.",
    )
    schema.set_defaults(run=_schema, parser=schema)


def _list(known: argparse.Namespace, _: list[str]) -> int:
    presets = [parse_recipe(preset_text(name), source=name) for name in preset_names()]
    if known.json:
        fields = ("name", "description", "requires")
        print_json([{field: getattr(recipe, field) for field in fields} for recipe in presets])
        return 0
    missing = {recipe.name: f"; missing: {', '.join(recipe.requires)}" for recipe in presets if recipe.requires}
    rows = [(recipe.name, f"{recipe.description}{missing.get(recipe.name, '')}") for recipe in presets]
    print("\n".join(text_table(rows, terminal_width())))
    return 0


def _show(known: argparse.Namespace, _: list[str]) -> int:
    if known.name is None:
        raise RecipeError(f"which preset? one of {', '.join(preset_names())}")
    text = preset_text(known.name)
    if known.json:
        print_json(public_values(load_recipe(known.name, known.set).model_dump(mode="json")))
    else:
        print(dump_recipe(load_recipe(known.name, known.set)) if known.set else text, end="")
    return 0


def _check(known: argparse.Namespace, _: list[str]) -> int:
    results = []
    for name in known.recipes:
        problems = list(_problems_of(name, known.set))
        results.append({"recipe": name, "valid": not problems, "problems": problems})
        if known.json:
            continue
        if not problems:
            print(f"{name}: ok")
        for problem in problems:
            say(f"babelsift: {problem if problem.startswith(name) else f'{name}: {problem}'}")
    if known.json:
        print_json(results)
    return 0 if all(result["valid"] for result in results) else USER_ERROR


def _problems_of(name: str, changes: list[str]) -> Iterator[str]:
    try:
        _check_recipe(load_recipe(name, changes))
    except BabelsiftError as error:
        yield " ".join(public_text(str(error)).split())


def _check_recipe(recipe: Recipe) -> None:
    from babelsift.pipelines.job.checks import (
        check_declared_conditions,
        check_faces,
        check_other_data,
        check_parts,
        check_settings,
    )
    from babelsift.pipelines.stages.columns.resolved import check_columns

    check_parts(recipe)
    check_faces(recipe)
    check_declared_conditions(recipe)
    check_settings(recipe)
    check_columns(recipe.made_columns)
    check_other_data(recipe)


def _schema(_: argparse.Namespace, __: list[str]) -> int:
    from babelsift.schemas.recipe.json_schema import recipe_schema

    print(json.dumps(recipe_schema(), ensure_ascii=False, indent=1))
    return 0
