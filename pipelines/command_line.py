"""The `babelsift` command: its subcommands, their help, and errors in one line each."""

from __future__ import annotations

import argparse
import difflib
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import filters
import pipelines
import schemas
from pipelines.commands.compare import add_compare
from pipelines.commands.concepts import add_concepts
from pipelines.commands.dry_run import add_dry_run_options, run_dry
from pipelines.folder_commands import add_folder_commands
from pipelines.recipe_presets import load_recipe, preset_names, preset_text
from schemas import AccountingError, BabelsiftError, InputError, RecipeError, SchemaError, parse_recipe, recipe_from

_USER_ERROR = 2
_RUN_FAILED = 1

_EPILOG = """examples:
  babelsift demo                                     see it work: a small web, curated in a few minutes, offline
  babelsift recipes                                  the presets
  babelsift recipes show datacomp-basic > mine.yaml  start a recipe of your own from one of them
  babelsift curate --recipe mine.yaml --input 's3://bucket/pairs/*.parquet' --output s3://bucket/run1
  babelsift status s3://bucket/run1 --recipe mine.yaml
  babelsift why s3://bucket/run1 https://example.org/cat.jpg
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit code: 0, 1 for a run that failed, 2 for what the user can mend."""
    parser = _parser()
    known, beam_arguments = parser.parse_known_args(arguments)
    _show_progress(verbose=known.verbose)
    try:
        if beam_arguments and known.command not in ("curate", "demo"):
            raise RecipeError(f"unknown option {beam_arguments[0]!r}; see `babelsift {known.command} --help`")
        return known.run(known, beam_arguments)
    except BabelsiftError as error:
        print(f"babelsift: {_one_line(error)}", file=sys.stderr)
        return _RUN_FAILED if isinstance(error, (AccountingError, SchemaError)) else _USER_ERROR
    except KeyboardInterrupt:
        print("babelsift: interrupted; the same command goes on from here", file=sys.stderr)
        return _RUN_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="babelsift",
        description="Turns tables of (image URL, alt-text) into webdataset shards; accounts for every pair left out.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--verbose", action="store_true", help="show what the libraries log, too")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_curate(commands)
    _add_demo(commands)
    _add_recipes(commands)
    _add_why(commands)
    add_folder_commands(commands)
    add_compare(commands)
    add_concepts(commands)
    _add_hash(commands)
    return parser


def _add_curate(commands: argparse._SubParsersAction) -> None:
    curate = commands.add_parser(
        "curate",
        help="curate tables of pairs into a run folder",
        description="Reads tables of (image URL, alt-text), keeps what the recipe asks for, writes webdataset shards.",
        epilog="Any Apache Beam option may follow (--runner FlinkRunner --flink_master HOST:8081 ...); without one the "
        "job runs in this process on all cores. The same command again goes on where an interrupted one stopped.",
        allow_abbrev=False,
    )
    curate.add_argument("--recipe", required=True, metavar="NAME|FILE", help="a preset's name or a YAML file")
    curate.add_argument(
        "--input",
        default=[],
        action="append",
        metavar="GLOB",
        help="parquet, CSV, TSV or JSON lines, plain or .gz or .zst; local or any fsspec URL; may be repeated",
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
        "http, 503, 5xx, ..., or all; what succeeded is not touched",
    )
    curate.add_argument("--url-col", metavar="NAME", help="column of the URLs (default: URL, url, ... as found)")
    curate.add_argument("--caption-col", metavar="NAME", help="column of the captions (default: TEXT, caption, ...)")
    curate.add_argument("--force", action="store_true", help="download again what other settings had downloaded")
    add_dry_run_options(curate)
    curate.set_defaults(run=_curate)


def _add_demo(commands: argparse._SubParsersAction) -> None:
    demo = commands.add_parser(
        "demo",
        help="curate a small web drawn for the purpose, offline, and compare with the truth",
        description="Serves a small multilingual web on loopback, with everything that is wrong with the web, curates "
        "it, and prints the funnel beside the truth.",
        allow_abbrev=False,
    )
    demo.add_argument("--output", default="out/demo", metavar="DIR", help="run folder (default: %(default)s)")
    demo.add_argument("--pairs", type=int, default=3000, help="pairs in the demo web (default: %(default)s)")
    demo.add_argument("--seed", type=int, default=0, help="of the demo web (default: %(default)s)")
    demo.set_defaults(run=_demo)


def _add_recipes(commands: argparse._SubParsersAction) -> None:
    recipes = commands.add_parser("recipes", help="list the preset recipes, or print one", allow_abbrev=False)
    recipes.add_argument("action", nargs="?", choices=["list", "show"], default="list")
    recipes.add_argument("name", nargs="?", help="preset to show")
    recipes.set_defaults(run=_recipes)


def _add_why(commands: argparse._SubParsersAction) -> None:
    why = commands.add_parser("why", help="print what became of one pair", allow_abbrev=False)
    why.add_argument("output", metavar="OUT", help="run folder")
    why.add_argument("pair", metavar="UID_OR_URL", help="a uid (32 hex digits) or a URL")
    why.set_defaults(run=_why)


def _add_hash(commands: argparse._SubParsersAction) -> None:
    hashes = commands.add_parser(
        "hash",
        help="write the hashes of an evaluation set's images, to decontaminate against",
        description="Hashes images so that `decontaminate: {against: [eval.parquet]}` needs them no more.",
        allow_abbrev=False,
    )
    hashes.add_argument("images", nargs="+", metavar="IMAGES", help="images, folders, globs, webdataset shards (.tar)")
    hashes.add_argument("--output", required=True, metavar="FILE", help="parquet to write, local or any fsspec URL")
    hashes.add_argument("--model", help="also write embeddings by this CLIP model, named as in a recipe's clip.model")
    hashes.add_argument("--pretrained", help="its weights, as clip.pretrained")
    hashes.add_argument("--precision", default="auto", help="as clip.precision")
    hashes.set_defaults(run=_hash)


def _curate(known: argparse.Namespace, beam_arguments: list[str]) -> int:
    recipe = load_recipe(known.recipe)
    options = _beam_options(beam_arguments)
    if known.dry_run:
        return run_dry(known, recipe)
    if not known.input:
        raise InputError("nothing to read: --input is missing (only --dry-run on a finished run goes without)")
    from pipelines.curate import run
    from pipelines.report import format_funnel

    retry = known.retry_failed.split(",") if known.retry_failed else ()
    columns = {"url_column": known.url_col, "caption_column": known.caption_col}
    reuse = {"staging": known.staging, "retry_failed": retry, "force": known.force}
    funnel = run(recipe, known.input, known.output, **columns, **reuse, options=options)
    print(format_funnel(funnel))
    print(f"report: {known.output.rstrip('/')}/report/index.html")
    return 0


def _demo(known: argparse.Namespace, beam_arguments: list[str]) -> int:
    from pipelines.demo.command import run_demo

    return run_demo(known.output, pairs=known.pairs, seed=known.seed, options=_beam_options(beam_arguments))


def _recipes(known: argparse.Namespace, _: list[str]) -> int:
    if known.action == "show":
        if known.name is None:
            raise RecipeError(f"which preset? one of {', '.join(preset_names())}")
        print(preset_text(known.name), end="")
        return 0
    for name in preset_names():
        recipe = parse_recipe(preset_text(name), source=name)
        missing = f"; missing: {', '.join(recipe.requires)}" if recipe.requires else ""
        print(f"{name:24} {recipe.description}{missing}")
    return 0


def _why(known: argparse.Namespace, _: list[str]) -> int:
    from pipelines.why import fates_of

    for fate in fates_of(known.output, known.pair):
        print(fate)
    return 0


def _hash(known: argparse.Namespace, _: list[str]) -> int:
    from pipelines.evaluation_images import write_hashes

    scorer = None
    if known.model:
        from pipelines.score_models import load_scorer

        names = ("model", "pretrained", "precision")
        clip = {name: getattr(known, name) for name in names}
        scorer = load_scorer(recipe_from({"name": "hash", "clip": clip}, source="babelsift hash").clip[0])
    print(f"{write_hashes(known.images, known.output, scorer)} images hashed into {known.output}")
    return 0


def _beam_options(arguments: list[str]) -> object:
    """Returns Beam's options, having refused those that no part of Beam knows: Beam itself would ignore them."""
    from apache_beam.options.pipeline_options import PipelineOptions

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for group in [PipelineOptions, *PipelineOptions.__subclasses__()]:
        add = getattr(group, "_add_argparse_args", None)
        if add is not None:
            add(_FirstWins(parser))
    _, unknown = parser.parse_known_args(arguments)
    if unknown:
        ours = [
            "--recipe",
            "--input",
            "--output",
            "--staging",
            "--retry-failed",
            "--url-col",
            "--caption-col",
            "--force",
        ]
        known = [*ours, *(option for action in parser._actions for option in action.option_strings)]
        near = difflib.get_close_matches(unknown[0].split("=")[0], known, n=1)
        hint = f"did you mean {near[0]}?" if near else "it is neither babelsift's nor a Beam option"
        raise RecipeError(f"unknown option {unknown[0]!r}; {hint} (see `babelsift curate --help`)")
    return PipelineOptions(arguments)


class _FirstWins:
    """A parser in which a second definition of an option, as Beam's groups have some, is passed over."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._parser = parser

    def add_argument(self, *names: str, **settings: object) -> None:
        if not any(name in self._parser._option_string_actions for name in names):
            self._parser.add_argument(*names, **settings)  # type: ignore[arg-type]

    def add_value_provider_argument(self, *names: str, **settings: object) -> None:
        self.add_argument(*names, **settings)

    def add_mutually_exclusive_group(self, **_: object) -> _FirstWins:
        return self


def _show_progress(*, verbose: bool) -> None:
    """Our own steps' log lines go to standard error; the libraries' only when asked for."""
    logging.basicConfig(
        format="%(asctime)s  %(message)s", datefmt="%H:%M:%S", stream=sys.stderr, level=logging.INFO, force=True
    )
    if not verbose:
        # What a library logs and then raises would be said twice, once with a traceback.
        ours = tuple(str(Path(package.__file__).parent) + os.sep for package in (schemas, filters, pipelines))
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it has a handler of its own
        logging.getLogger().handlers[0].addFilter(lambda record: record.pathname.startswith(ours))
        warnings.filterwarnings("ignore")


def _one_line(error: BaseException) -> str:
    """An error's text without what Beam appends to it."""
    return " ".join(str(error).split(" [while running ")[0].split())
