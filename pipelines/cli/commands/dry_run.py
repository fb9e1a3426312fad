"""`babelsift curate --dry-run`: the funnel that a recipe would give on what a finished run has stored."""

from __future__ import annotations

import argparse
import json

from babelsift.pipelines.cli.columns import chosen_columns
from babelsift.schemas import Recipe


def add_dry_run_options(curate: argparse.ArgumentParser) -> None:
    """Adds the options to curate's parser."""
    curate.add_argument(
        "--dry-run",
        action="store_true",
        help="print the funnel that the recipe would give on what the finished run in --output has stored: no web, no "
        "models, nothing written; without --input on the pairs that it had",
    )
    curate.add_argument("--json", action="store_true", help="with --dry-run: for programs")


def run_dry(known: argparse.Namespace, recipe: Recipe) -> int:
    """Runs the command; returns its exit code."""
    from babelsift.pipelines.rendering import format_funnel
    from babelsift.pipelines.replay.compare import unknown_lines
    from babelsift.pipelines.replay.dry_run import dry_run

    columns = chosen_columns(known)
    found = dry_run(recipe, known.output, known.input or (), staging=known.staging, columns=columns)
    if known.json:
        content = {
            "funnel": found.funnel.to_json(),
            "selection": found.selection,
            "not_stored": found.not_stored,
            "other_downloads": found.other_downloads,
        }
        print(json.dumps(content, ensure_ascii=False))
        return 0
    print(format_funnel(found.funnel), end="")
    for language, one in found.selection["relaxed_languages"].items():
        kept = f"the cut kept {one['kept_before']}, given back {one['given_back']}"
        print(f"minimum of {language}: {one['minimum']}, {kept}")
    unknown = unknown_lines([recipe.name], [found.not_stored], [found.other_downloads])
    print("\n".join(unknown) or "dry run: nothing was written")
    return 0
