"""Beam's own options, which follow babelsift's."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from babelsift.pipelines.cli.command_parser import CommandParser

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions


def beam_options(known: argparse.Namespace, words: Sequence[str]) -> PipelineOptions:
    """Returns Beam's options, having refused those that no part of Beam knows: Beam itself would ignore them.

    Args:
        known: the command's own options; `parser` is its parser, of whose options an unknown one may be a slip.
        words: the command line's, without those of the command.

    Raises:
        UsageError: an option is unknown, or its value is not one that it takes.
    """
    from apache_beam.options.pipeline_options import PipelineOptions

    from babelsift.pipelines.core.runners import placement  # noqa: F401 (whose options are found among Beam's)

    known.parser.check_dashes(words)
    parser = CommandParser(add_help=False, prog=known.parser.prog)
    for group in [PipelineOptions, *PipelineOptions.__subclasses__()]:
        add = getattr(group, "_add_argparse_args", None)
        if add is not None:
            add(_FirstWins(parser))
    _, unknown = parser.parse_known_args(words)
    known.parser.check_words(unknown, others=parser.options, about="it is neither babelsift's nor a Beam option")
    return PipelineOptions(list(words))


class _FirstWins:
    """A parser in which a second definition of an option, as Beam's groups have some, is passed over."""

    def __init__(self, parser: CommandParser) -> None:
        self._parser = parser

    def add_argument(self, *names: str, **settings: object) -> None:
        if not set(names) & set(self._parser.options):
            self._parser.add_argument(*names, **settings)  # type: ignore[arg-type]

    def add_value_provider_argument(self, *names: str, **settings: object) -> None:
        self.add_argument(*names, **settings)

    def add_mutually_exclusive_group(self, **_: object) -> _FirstWins:
        return self
