"""`babelsift curate --dry-run`: the funnel that a recipe would give on what a finished run has stored."""

from __future__ import annotations

import argparse

from babelsift.pipelines.cli.columns import chosen_columns
from babelsift.pipelines.cli.folder_command import print_json
from babelsift.pipelines.cli.text_table import terminal_width
from babelsift.schemas import Recipe


def add_dry_run_options(curate: argparse.ArgumentParser) -> None:
    """Adds the options to curate's parser."""
    curate.add_argument(
        "--dry-run",
        action="store_true",
        help="print the funnel that the recipe would give on what the finished run in --output has stored: no web, no "
        "models, nothing written; without --input on the pairs that it had",
    )
    curate.add_argument("--json", action="store_true", help="print the funnel for programs")


def run_dry(known: argparse.Namespace, recipe: Recipe) -> int:
    """Runs the command; returns its exit code."""
    from babelsift.pipelines.rendering import format_funnel, surprises
    from babelsift.pipelines.replay.compare import unknown_lines
    from babelsift.pipelines.replay.dry_run import dry_run

    columns = chosen_columns(known)
    outcome = dry_run(
        recipe, known.output, known.input or (), staging=known.staging, columns=columns, temp_dir=known.temp_dir
    )
    if known.json:
        content = {
            "funnel": outcome.funnel.to_json(),
            "notes": surprises(outcome.funnel, recipe),
            "selection": outcome.selection,
            "not_stored": outcome.not_stored,
            "other_downloads": outcome.other_downloads,
            "temporary_bytes": None if outcome.temporary is None else outcome.temporary.expected_bytes,
        }
        print_json(content)
        return 0
    print(format_funnel(outcome.funnel, width=terminal_width()), end="")
    for sentence in surprises(outcome.funnel, recipe):
        print(f"note: {sentence}")
    for language, backfill in outcome.selection["relaxed_languages"].items():
        kept = f"kept {backfill['kept_before']}, backfilled {backfill['given_back']}"
        print(f"minimum of {language}: {backfill['minimum']}, {kept}")
    if outcome.temporary is not None:
        print(f"a run's {outcome.temporary.describe()}")
    unknown = unknown_lines([recipe.name], [outcome.not_stored], [outcome.other_downloads])
    print("\n".join(unknown) or "dry run: nothing was written")
    return 0
