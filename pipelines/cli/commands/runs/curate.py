"""`babelsift curate`: tables of pairs into a run folder."""

from __future__ import annotations

import argparse
import logging
from typing import Any

from babelsift.pipelines.cli.beam_options import beam_options
from babelsift.pipelines.cli.columns import add_column_options, chosen_columns
from babelsift.pipelines.cli.commands.runs.dry_run import add_dry_run_options, run_dry
from babelsift.pipelines.cli.exit_status import USER_ERROR, say
from babelsift.pipelines.cli.folder_command import add_metrics_option, print_json
from babelsift.pipelines.cli.recipe_options import add_set_option, chosen_recipe
from babelsift.pipelines.cli.text_table import terminal_width
from babelsift.pipelines.run_folder.paths import REPORT_PAGE, UNTIL_FOLDER
from babelsift.schemas import STAGE_ORDER, InputError, Recipe, Stage, public_url


def add_curate(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    curate = commands.add_parser(
        "curate",
        help="curate tables of pairs into a run folder",
        examples=(
            "babelsift curate --recipe datacomp-basic --input 'pairs/*.parquet' --output out/mine",
            "babelsift curate --recipe mine.yaml --set captions.min_words=2 --output out/mine --dry-run",
            "babelsift curate --recipe laion400m --input s3://bucket/pairs --output s3://bucket/run1 --check",
        ),
        description="Reads tables of (image URL, alt-text), keeps what the recipe asks for, writes webdataset shards.",
        epilog="Any Apache Beam option may follow (--runner FlinkRunner --flink_master HOST:8081 ...); without one the "
        "job runs in this process on all cores. The same command again goes on where an interrupted one stopped.",
    )
    curate.add_argument("--recipe", required=True, metavar="NAME|FILE", help="a preset's name or a YAML file")
    add_set_option(curate)
    curate.add_argument(
        "--input",
        default=[],
        action="append",
        metavar="GLOB",
        help="parquet, CSV, TSV, JSON, WAT or WARC, plain, .gz or .zst, or a folder of them; local or any fsspec "
        "URL; may be repeated",
    )
    curate.add_argument("--output", required=True, metavar="DIR", help="run folder, local or any fsspec URL")
    curate.add_argument(
        "--staging",
        metavar="DIR",
        help="an img2dataset output folder (webdataset) to take the images from instead of downloading; without "
        "--input its own pairs are the input, with it they are matched to the input by URL and caption",
    )
    curate.add_argument(
        "--retry-failed",
        metavar="CLASSES",
        help="download again what failed in earlier runs, by class, comma between: dns, connection, tls, timeout, "
        "http, 503, 5xx, ..., or all; what succeeded is not touched, but for unhashed: images that hash lists could "
        "not be compared with",
    )
    curate.add_argument(
        "--download-with",
        choices=["babelsift", "img2dataset"],
        default="babelsift",
        help="who asks the web for images: our own client, or img2dataset (extra img2dataset), by the same settings",
    )
    curate.add_argument(
        "--distributor",
        metavar="NAME",
        help="with --download-with img2dataset: how it spreads its work, multiprocessing (the default), pyspark or ray",
    )
    add_column_options(curate)
    curate.add_argument("--force", action="store_true", help="download again what other settings had downloaded")
    curate.add_argument(
        "--allow-shrink",
        action="store_true",
        help="replace what the folder holds by nothing, or by less than half of what the same recipe kept before",
    )
    curate.add_argument(
        "--until",
        choices=[stage.value for stage in STAGE_ORDER if stage is not Stage.SHARD],
        metavar="STAGE",
        help="end after a stage (read, rules, language, ..., dedup_pairs, download, ...) and write the pairs that came "
        "through it as parquet, in the place of shards",
    )
    curate.add_argument(
        "--temp-dir",
        metavar="DIR",
        help="where a run in this process puts temporary files, about 3.5 KB a row (default: TMPDIR, or the system's); "
        "they go when it ends, however it ends",
    )
    curate.add_argument(
        "--share",
        metavar="K/N",
        help="only download and score every Nth staging partition from the Kth on, beside processes that do the rest: "
        "after --until dedup_pairs, and before the command as it is",
    )
    curate.add_argument(
        "--check",
        action="store_true",
        help="check the recipe, the input, the models and the runner's options, say what is wrong and how to mend it, "
        "and end before anything is submitted",
    )
    add_dry_run_options(curate)
    add_metrics_option(curate)
    curate.set_defaults(run=_curate, takes_beam_options=True, parser=curate)


def _curate(known: argparse.Namespace, beam_words: list[str]) -> int:
    recipe = chosen_recipe(known)
    options = beam_options(known, beam_words)
    if known.dry_run:
        return run_dry(known, recipe)
    if not known.input and known.staging is None:
        raise InputError(
            "nothing to read: --input is missing (only --staging and --dry-run on a finished run go without)"
        )
    from babelsift.pipelines.cli.progress_display import run_shown
    from babelsift.pipelines.job.run import run
    from babelsift.pipelines.rendering import format_funnel, surprises

    retry = () if known.retry_failed is None else known.retry_failed.split(",")
    reuse = {"staging": known.staging, "retry_failed": retry, "force": known.force}
    until = None if known.until is None else Stage(known.until)
    reuse |= {"allow_shrink": known.allow_shrink, "until": until, "img2dataset": _distributor(known)}
    reuse |= {"temp_dir": known.temp_dir}
    if known.check:
        return _check(known, recipe, reuse | {"options": options})
    if known.share is not None:
        return _share(known, recipe, reuse | {"options": options})
    with run_shown(known, options):
        funnel = run(recipe, known.input, known.output, columns=chosen_columns(known), **reuse, options=options)
    where = f"{public_url(known.output).rstrip('/')}/{REPORT_PAGE if until is None else UNTIL_FOLDER}"
    made = {"report": where} if until is None else {"survivors": f"{where}/{until.value}"}
    notes = surprises(funnel, recipe)
    if known.json:
        print_json({"funnel": funnel.to_json(), "notes": notes, **made})
    elif getattr(known, "quiet", False):
        for sentence in notes:
            logging.warning("%s", sentence)
    else:
        lines = [f"note: {sentence}" for sentence in notes] + [f"{what}: {path}" for what, path in made.items()]
        print("\n".join([format_funnel(funnel, recipe if until is None else None, terminal_width()), *lines]))
    return 0


def _share(known: argparse.Namespace, recipe: Recipe, settings: dict[str, Any]) -> int:
    from babelsift.pipelines.cli.progress_display import run_shown
    from babelsift.pipelines.job.share import stage_share
    from babelsift.pipelines.staging.share import parse_share

    share = parse_share(known.share)
    with run_shown(known, settings["options"]):
        stage_share(recipe, known.input, known.output, share, columns=chosen_columns(known), **settings)
    if known.json:
        print_json({"staged": known.share})
    elif not getattr(known, "quiet", False):
        print(f"staged: share {known.share}; once all are, run the same command without --share")
    return 0


def _check(known: argparse.Namespace, recipe: Recipe, settings: dict[str, Any]) -> int:
    from babelsift.pipelines.job.checks import find_cluster_mistakes
    from babelsift.pipelines.job.plan import plan_run

    inputs = [*known.input, *filter(None, [known.staging])]
    if mistakes := find_cluster_mistakes(recipe, inputs, known.output, settings["options"]):
        say("\n".join(f"babelsift: {mistake}" for mistake in mistakes))
        return USER_ERROR
    plan_run(recipe, known.input, known.output, columns=chosen_columns(known), **settings)
    if known.json:
        print_json({"checked": True})
    elif not getattr(known, "quiet", False):
        print("checked: the same command without --check can start")
    return 0


def _distributor(known: argparse.Namespace) -> str | None:
    """Returns img2dataset's distributor where it is to download, else None."""
    if known.download_with == "img2dataset":
        return known.distributor or "multiprocessing"
    if known.distributor is not None:
        raise InputError("--distributor: is img2dataset's; add --download-with img2dataset")
    return None
