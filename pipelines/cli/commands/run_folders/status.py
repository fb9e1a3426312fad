"""`babelsift status`: what is done in a run folder, and what a recipe would do again."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from babelsift.pipelines.cli.folder_command import add_folder_command, print_found
from babelsift.pipelines.cli.recipe_options import add_set_option, chosen_recipe
from babelsift.pipelines.cli.text_table import terminal_width, text_table
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.paths import RECIPE
from babelsift.schemas import Recipe, RunFolderError, parse_recipe

if TYPE_CHECKING:
    from babelsift.pipelines.inspection.status import FolderStatus


def add_status(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    status = add_folder_command(
        commands,
        "status",
        _status,
        help="show what is done in a run folder, what a recipe would do again, and why",
        examples=("babelsift status out/mine", "babelsift status out/mine --set select.min_similarity=0.3"),
        description="Shows each stage of a run folder: what is there, whether a run with the recipe on the same input "
        "would use it, and why not. Starts nothing and changes nothing.",
    )
    status.add_argument("--recipe", metavar="NAME|FILE", help="a preset or a YAML file (default: the folder's own)")
    add_set_option(status)


def _status(known: argparse.Namespace, _: list[str]) -> int:
    from babelsift.pipelines.inspection.status import status_of

    folder = RunFolder(known.output)
    status = status_of(folder, _recipe_of(known, folder))
    return print_found(known, status.to_json(), format_status(status, terminal_width()))


def _recipe_of(known: argparse.Namespace, folder: RunFolder) -> Recipe:
    if known.recipe:
        return chosen_recipe(known)
    path = folder.path(RECIPE)
    if not folder.exists(RECIPE):
        raise RunFolderError(f"{path}: is not there, as no run has begun; name one with --recipe")
    with folder.open(RECIPE) as file:
        return parse_recipe(file.read().decode(), source=path, changes=known.set)


def format_status(status: FolderStatus, width: int | None = None) -> str:
    """Returns the status as text.

    Args:
        status: of a folder.
        width: of the terminal; None: lines may be as long as they are.
    """
    rows = [("stage", "state", "there", "why")]
    rows += [(stage.stage, stage.state.value, stage.there, stage.why) for stage in status.stages]
    lines = text_table(rows, width)
    lines.append(f"{status.folder}: {'complete' if status.complete else 'no complete run'}")
    if status.removals:
        lines.append(f"removals on request: {status.removals}, see {status.folder.rstrip('/')}/removals")
    if status.unfinished_removal:
        lines.append(f"a removal has not ended: run `babelsift remove {status.folder}`")
    if status.holder is not None:
        at = f"last heard of at {status.holder.get('at')}"
        who = f"host {status.holder.get('host')}, process {status.holder.get('pid')}"
        lines.append(f"a run works there, or was killed there: {who}, {at}")
    return "\n".join(lines)
