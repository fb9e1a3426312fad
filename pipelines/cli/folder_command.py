"""What the commands that look at a finished run share: the folder, and output for people or programs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Run = Callable[[argparse.Namespace, list[str]], int]


def add_folder_command(
    commands: argparse._SubParsersAction, name: str, run: Run, *, help: str, description: str, examples: Sequence[str]
) -> argparse.ArgumentParser:
    """Adds a command that takes a run folder and --json, and returns its parser."""
    command = commands.add_parser(name, help=help, description=description, examples=examples)
    command.add_argument("output", metavar="OUT", help="run folder")
    add_json_option(command)
    command.set_defaults(run=run)
    return command


def add_json_option(parser: argparse.ArgumentParser, *, default: object = False) -> None:
    """Adds --json to a command's parser.

    Args:
        parser: of the command.
        default: argparse.SUPPRESS for an action of a command that has --json, too: then it may stand before either.
    """
    parser.add_argument("--json", action="store_true", default=default, help="print JSON, for programs")


def add_metrics_option(parser: argparse.ArgumentParser) -> None:
    """Adds --metrics-file to a command's parser."""
    about = (
        "write the run's figures there every ten seconds in Prometheus' text format, as of node_exporter's textfiles"
    )
    parser.add_argument("--metrics-file", type=Path, metavar="FILE.prom", help=about)


def print_found(known: argparse.Namespace, result: Any, text: str) -> int:
    """Prints what was found, as JSON where that was asked for, else the text, and returns the exit code."""
    if known.json:
        print_json(result)
    else:
        print(text.removesuffix("\n"))
    return 0


def print_json(content: Any) -> None:
    """Prints a JSON document in one line, as a program reads it."""
    print(json.dumps(content, ensure_ascii=False))
