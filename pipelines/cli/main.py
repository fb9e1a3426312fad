"""The `babelsift` command: its subcommands, their help, and errors in one line each."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from babelsift import filters, pipelines, schemas
from babelsift.pipelines.cli.compare import add_compare
from babelsift.pipelines.cli.concepts import add_concepts
from babelsift.pipelines.cli.curate import add_curate
from babelsift.pipelines.cli.demo import add_demo, add_demo_model, add_demo_web
from babelsift.pipelines.cli.hash import add_hash
from babelsift.pipelines.cli.ngrams import add_ngrams
from babelsift.pipelines.cli.recipes import add_recipes
from babelsift.pipelines.cli.status import add_status
from babelsift.pipelines.cli.subset import add_subset
from babelsift.pipelines.cli.why import add_why
from babelsift.schemas import AccountingError, BabelsiftError, RecipeError, SchemaError, public_text

# In the order of the help.
_COMMANDS = (
    add_curate,
    add_demo,
    add_recipes,
    add_why,
    add_status,
    add_subset,
    add_compare,
    add_concepts,
    add_hash,
    add_ngrams,
    add_demo_web,
    add_demo_model,
)
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
        if beam_arguments and not getattr(known, "takes_beam_options", False):
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
    for add in _COMMANDS:
        add(commands)
    return parser


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
    """An error's text without what Beam appends to it, and without credentials in URLs."""
    return " ".join(public_text(str(error)).split(" [while running ")[0].split())
