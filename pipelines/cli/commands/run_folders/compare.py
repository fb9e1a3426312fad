"""`babelsift compare`: where two recipes differ on a finished run."""

from __future__ import annotations

import argparse

from babelsift.pipelines.cli.folder_command import add_folder_command, print_found
from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.schemas import RecipeError


def add_compare(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    compare = add_folder_command(
        commands,
        "compare",
        _compare,
        help="show where two recipes differ on a finished run, by language, with samples",
        examples=("babelsift compare out/mine --recipe laion400m --recipe mine.yaml",),
        description="Applies two recipes to what a finished run has stored (pairs, images' records, scores), without "
        "the web, models or writing to it, and shows which pairs only one of them keeps.",
    )
    compare.add_argument(
        "--recipe",
        required=True,
        action="append",
        metavar="NAME|FILE",
        help="a preset or a YAML file, given twice: the two that are compared",
    )
    compare.add_argument("--input", action="append", metavar="GLOB", help="default: the pairs that the run had")
    compare.add_argument("--samples", type=int, default=5, help="captions shown a side (default: %(default)s)")


def _compare(known: argparse.Namespace, _: list[str]) -> int:
    if len(known.recipe) != 2:
        raise RecipeError(f"compare takes two recipes, found {len(known.recipe)}; give --recipe A --recipe B")
    from babelsift.pipelines.replay.compare import compare_recipes, format_comparison

    recipes = [load_recipe(name) for name in known.recipe]
    comparison = compare_recipes(known.output, recipes, known.input or (), samples=max(known.samples, 0))
    return print_found(known, comparison, format_comparison(comparison))
