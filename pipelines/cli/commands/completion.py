"""`babelsift completion`: a script by which a shell completes commands, options, presets and paths."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from babelsift.pipelines.cli.command_parser import CommandParser
from babelsift.pipelines.recipes.presets import preset_names

_PRESETS = "_babelsift_presets"
_PRESETS_OR_FILES = ("NAME|FILE", "RECIPE", "FILE")
_FOLDERS = ("DIR", "OUT")
_FILES = ("GLOB", "IMAGES", "FILE.prom")


def add_completion(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    completion = commands.add_parser(
        "completion",
        help="print a script by which bash or zsh completes commands, options, presets and paths",
        description="Prints a completion script: `source <(babelsift completion bash)` in ~/.bashrc, or "
        "`babelsift completion zsh > DIR/_babelsift` with DIR in zsh's $fpath.",
    )
    completion.add_argument("shell", choices=("bash", "zsh"))
    completion.set_defaults(run=_completion)


def _completion(known: argparse.Namespace, _: list[str]) -> int:
    import shtab

    for action in _all_actions(known.root):
        if action.metavar in _PRESETS_OR_FILES and action.dest in ("recipe", "recipes"):
            action.complete = {known.shell: _PRESETS}  # type: ignore[attr-defined]
        elif action.metavar in (*_FILES, *_PRESETS_OR_FILES):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.metavar in _FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    names = " ".join(preset_names())
    preambles = {
        "bash": f'{_PRESETS}() {{ compgen -W "{names}" -- "$1"; compgen -f -- "$1"; }}\n',
        "zsh": f"{_PRESETS}() {{ _alternative 'presets:preset:({names})' 'files:recipe file:_files' }}\n",
    }
    print(shtab.complete(known.root, known.shell, preamble=preambles[known.shell]))
    return 0


def _all_actions(parser: CommandParser) -> Iterator[argparse.Action]:
    """Yields the options and arguments of a parser and of all its subcommands."""
    for action in parser.actions:
        yield action
        for inner in action.choices.values() if isinstance(action.choices, dict) else ():
            yield from _all_actions(inner)
