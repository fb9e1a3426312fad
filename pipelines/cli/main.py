"""The `babelsift` command: its subcommands, their help, and errors in one line each."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import traceback
from collections.abc import Sequence

import babelsift
from babelsift.pipelines.cli.command_parser import CommandParser, UsageError
from babelsift.pipelines.cli.commands.completion import add_completion
from babelsift.pipelines.cli.commands.preparation.hash import add_hash
from babelsift.pipelines.cli.commands.preparation.models import add_models
from babelsift.pipelines.cli.commands.preparation.ngrams import add_ngrams
from babelsift.pipelines.cli.commands.preparation.recipes import add_recipes
from babelsift.pipelines.cli.commands.preparation.train_head import add_train_head
from babelsift.pipelines.cli.commands.run_folders.compare import add_compare
from babelsift.pipelines.cli.commands.run_folders.concepts import add_concepts
from babelsift.pipelines.cli.commands.run_folders.explore import add_explore
from babelsift.pipelines.cli.commands.run_folders.papers import add_papers
from babelsift.pipelines.cli.commands.run_folders.push import add_push
from babelsift.pipelines.cli.commands.run_folders.remove import add_remove
from babelsift.pipelines.cli.commands.run_folders.status import add_status
from babelsift.pipelines.cli.commands.run_folders.subset import add_subset
from babelsift.pipelines.cli.commands.run_folders.urls import add_urls
from babelsift.pipelines.cli.commands.run_folders.verify import add_verify
from babelsift.pipelines.cli.commands.run_folders.watch import add_watch
from babelsift.pipelines.cli.commands.run_folders.why import add_why
from babelsift.pipelines.cli.commands.runs.curate import add_curate
from babelsift.pipelines.cli.commands.runs.demo import add_demo, add_demo_model, add_demo_web
from babelsift.pipelines.cli.commands.runs.worker_pool import add_worker_pool
from babelsift.pipelines.cli.exit_status import (
    RUN_FAILED,
    USER_ERROR,
    CheckedOutput,
    OutputError,
    interrupted,
    output_failed,
    say,
    say_error,
    was_interrupted,
)
from babelsift.pipelines.cli.log_lines import show_log_lines
from babelsift.pipelines.storage.errors import describe_storage_error, is_storage_error
from babelsift.schemas import AccountingError, BabelsiftError, RunnerError, SchemaError, one_line, public_text
from babelsift.schemas.errors import error_chain
from babelsift.schemas.suggestions import did_you_mean

# In the order of the help.
COMMANDS = (
    add_curate,
    add_demo,
    add_recipes,
    add_models,
    add_train_head,
    add_why,
    add_explore,
    add_status,
    add_subset,
    add_push,
    add_remove,
    add_urls,
    add_papers,
    add_verify,
    add_compare,
    add_concepts,
    add_hash,
    add_ngrams,
    add_watch,
    add_worker_pool,
    add_completion,
    add_demo_web,
    add_demo_model,
)
_FAILED_RUN = (AccountingError, RunnerError, SchemaError)

_EPILOG = """examples:
  babelsift demo                                     see it work: a small web, curated in a few minutes, offline
  babelsift recipes                                  the presets
  babelsift recipes show datacomp-basic > mine.yaml  start a recipe of your own from one of them
  babelsift curate --recipe mine.yaml --input 's3://bucket/pairs/*.parquet' --output s3://bucket/run1
  babelsift status s3://bucket/run1 --recipe mine.yaml
  babelsift why s3://bucket/run1 https://example.org/cat.jpg

exit status:
  0 done; 1 the run failed; 2 something that you can mend, as the message says;
  130 interrupted (Ctrl-C): the same command goes on from there; 141 the output was closed, as by `| head`
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: the command line's words, without the program's name; None: the process's own.

    Returns:
        The exit status: 0, RUN_FAILED, USER_ERROR (for what the user can mend), INTERRUPTED or OUTPUT_CLOSED.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if sys.stdout is None:
            return _run(words)
        with contextlib.redirect_stdout(CheckedOutput(sys.stdout)) as output:
            status = _run(words)
            output.flush()
        return status
    except KeyboardInterrupt:
        return interrupted(words)
    except OutputError as error:
        return output_failed(error, words)
    except Exception as error:  # noqa: BLE001 (what was not foreseen ends the process either way)
        return _failed(error, words)


def _failed(error: Exception, words: Sequence[str]) -> int:
    """Says why a command failed; returns the exit status."""
    if was_interrupted():
        return interrupted(words)
    if isinstance(error, BabelsiftError):
        status = RUN_FAILED if isinstance(error, _FAILED_RUN) else USER_ERROR
        say_error(_message(error), status, words)
        return status
    return _unexpected(error, words)


def _run(words: Sequence[str]) -> int:
    parser, commands = command_line()
    command, own_words = _command_of(words, parser, commands)
    if command is None:
        return 0
    known, left = _parse(command, own_words)
    known.root = parser
    show_log_lines(
        verbose=getattr(known, "verbose", False),
        quiet=getattr(known, "quiet", False),
        as_json=getattr(known, "log_format", "text") == "json",
    )
    if not getattr(known, "takes_beam_options", False):
        getattr(known, "parser", command).check_words(left)
    return known.run(known, left)


def command_line() -> tuple[CommandParser, dict[str, CommandParser]]:
    """Returns the parser of the whole, which shows its help, and those of the subcommands."""
    parser = CommandParser(
        prog="babelsift",
        description="Turns tables of (image URL, alt-text) into webdataset shards; accounts for every pair left out.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"babelsift {babelsift.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for add in COMMANDS:
        add(commands)
    commands.add_parser("help", help="show a command's help: babelsift help COMMAND")
    return parser, commands.choices


def _command_of(
    words: Sequence[str], parser: CommandParser, commands: dict[str, CommandParser]
) -> tuple[CommandParser | None, Sequence[str]]:
    """Returns the subcommand and its words; None where help or the version was asked for and is printed."""
    before = next((at for at, word in enumerate(words) if not word.startswith("-")), len(words))
    _, left = parser.parse_known_args(words[:before])  # --help and --version end here
    parser.check_words(left)
    name, own_words = (words[before], [*words[:before], *words[before + 1 :]]) if before < len(words) else ("help", [])
    if name != "help":
        return _named(name, commands), own_words
    asked = [word for word in own_words if not word.startswith("-")]
    (_named(asked[0], commands) if asked else parser).print_help()
    return None, own_words


def _parse(command: CommandParser, words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    try:
        return command.parse_known_args(words)
    except UsageError:
        command.check_slips(words)  # of an option that is required, for one
        raise


def _named(name: str, commands: dict[str, CommandParser]) -> CommandParser:
    if name not in commands:
        raise UsageError(f"no command {name!r}; {did_you_mean(name, commands, otherwise='see `babelsift --help`')}")
    return commands[name]


def _message(error: BaseException) -> str:
    """Returns an error's text without what Beam appends to it, and without credentials in URLs."""
    return public_text(str(error)).split(" [while running ")[0].strip()


def _unexpected(error: Exception, words: Sequence[str]) -> int:
    """Says in one line what was not foreseen; its traceback is shown where all is, or else goes into a file."""
    if storage_error := next(filter(is_storage_error, error_chain(error)), None):
        say_error(describe_storage_error(storage_error), USER_ERROR, words)
        return USER_ERROR
    trace = public_text("".join(traceback.format_exception(error)))
    place = "above"
    if "--verbose" in words:
        say(trace)
    else:
        with tempfile.NamedTemporaryFile("w", prefix="babelsift-", suffix=".txt", delete=False) as file:
            file.write(trace)
        place = f"in {file.name}"
    what = f"unexpected {type(error).__name__}: {one_line(error)}"
    say_error(f"{what}; please report this with its traceback, {place}", RUN_FAILED, words)
    return RUN_FAILED
