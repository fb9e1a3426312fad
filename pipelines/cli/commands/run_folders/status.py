"""`babelsift status`: what is done in a run folder, and what a recipe would do again."""

from __future__ import annotations

import argparse

from babelsift.pipelines.cli.folder_command import add_folder_command, print_found
from babelsift.pipelines.cli.recipe_options import add_set_option, chosen_recipe
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import RECIPE
from babelsift.schemas import Recipe, RunFolderError, parse_recipe


def add_status(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    status = add_folder_command(
        commands,
        "status",
        _status,
        help="show what is done in a run folder, what a recipe would do again, and why",
        description="Shows each stage of a run folder: what is there, whether a run with the recipe on the same input "
        "would use it, and why not. Starts nothing and changes nothing.",
    )
    status.add_argument("--recipe", metavar="NAME|FILE", help="a preset or a YAML file (default: the folder's own)")
    add_set_option(status)


def _status(known: argparse.Namespace, _: list[str]) -> int:
    from babelsift.pipelines.inspection.status import format_status, status_of

    folder = RunFolder(known.output)
    status = status_of(folder, _recipe_of(known, folder))
    return print_found(known, status.to_json(), format_status(status))


def _recipe_of(known: argparse.Namespace, folder: RunFolder) -> Recipe:
    if known.recipe:
        return chosen_recipe(known)
    path = folder.path(RECIPE)
    if not folder.exists(RECIPE):
        raise RunFolderError(f"{path}: is not there, as no run has begun; name one with --recipe")
    with folder.open(RECIPE) as file:
        return parse_recipe(file.read().decode(), source=path, changes=known.set)
