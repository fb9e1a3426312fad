"""What follows babelsift's own options: Beam's."""

from __future__ import annotations

import argparse

from babelsift.schemas import RecipeError
from babelsift.schemas.suggestions import did_you_mean

# Of commands that run a job: what an unknown option may be a slip of.
_OURS = ("--recipe", "--input", "--output", "--staging", "--retry-failed", "--url-col", "--caption-col", "--force")
_OURS += ("--dry-run", "--json")


def beam_options(arguments: list[str]) -> object:
    """Returns Beam's options, having refused those that no part of Beam knows: Beam itself would ignore them."""
    from apache_beam.options.pipeline_options import PipelineOptions

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for group in [PipelineOptions, *PipelineOptions.__subclasses__()]:
        add = getattr(group, "_add_argparse_args", None)
        if add is not None:
            add(_FirstWins(parser))
    _, unknown = parser.parse_known_args(arguments)
    if unknown:
        known = [*_OURS, *(option for action in parser._actions for option in action.option_strings)]
        neither = "it is neither babelsift's nor a Beam option"
        hint = did_you_mean(unknown[0].split("=")[0], known, otherwise=neither)
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
