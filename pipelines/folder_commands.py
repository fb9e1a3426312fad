"""Commands on a run folder: `babelsift status` and `babelsift subset`."""

from __future__ import annotations

import argparse
import json

from pipelines.recipe_presets import load_recipe
from pipelines.run_folder import RunFolder
from schemas import Recipe, RunFolderError, parse_recipe

_RECIPE = "recipe.yaml"


def add_folder_commands(commands: argparse._SubParsersAction) -> None:
    """Adds the subcommands to the command's parser."""
    status = commands.add_parser(
        "status",
        help="show what is done in a run folder, what a recipe would do again, and why",
        description="Shows each stage of a run folder: what is there, whether a run with the recipe on the same input "
        "would use it, and why not. Starts nothing and changes nothing.",
        allow_abbrev=False,
    )
    status.add_argument("output", metavar="OUT", help="run folder")
    status.add_argument("--recipe", metavar="NAME|FILE", help="a preset or a YAML file (default: the folder's own)")
    status.add_argument("--json", action="store_true", help="for programs")
    status.set_defaults(run=_status)
    subset = commands.add_parser(
        "subset",
        help="write the uids of the shards' pairs as a subset file for DataComp's resharder",
        description="Writes a sorted .npy of 128-bit uids, which DataComp's resharder.py takes as --subset-file.",
        allow_abbrev=False,
    )
    subset.add_argument("output", metavar="OUT", help="run folder")
    subset.add_argument("file", metavar="FILE", help="the .npy to write, local or any fsspec URL")
    subset.add_argument(
        "--column",
        default="uid",
        metavar="NAME",
        help="column of 32 hex digits: babelsift's uid, or input_uid where the input was DataComp's own metadata "
        "(default: %(default)s)",
    )
    subset.set_defaults(run=_subset)


def _status(known: argparse.Namespace, _: list[str]) -> int:
    from pipelines.status import format_status, status_of

    folder = RunFolder(known.output)
    status = status_of(folder, load_recipe(known.recipe) if known.recipe else _own_recipe(folder))
    print(json.dumps(status.to_json(), ensure_ascii=False) if known.json else format_status(status))
    return 0


def _own_recipe(folder: RunFolder) -> Recipe:
    path = folder.path(_RECIPE)
    if not folder.exists(_RECIPE):
        raise RunFolderError(f"{path}: is not there, as no run has begun; name one with --recipe")
    with folder.open(_RECIPE) as file:
        return parse_recipe(file.read().decode(), source=path)


def _subset(known: argparse.Namespace, _: list[str]) -> int:
    from pipelines.subset import write_subset

    print(f"{write_subset(RunFolder(known.output), known.file, column=known.column)} uids in {known.file}")
    return 0
