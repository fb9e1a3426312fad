"""A parser whose errors are one line, with the nearest known word."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from babelsift.schemas import BabelsiftError
from babelsift.schemas.suggestions import closest_name, did_you_mean


class UsageError(BabelsiftError):
    """The command line is not one that the command understands."""


class CommandParser(argparse.ArgumentParser):
    """As argparse's own; raises UsageError, takes no abbreviations.

    It knows --verbose, --quiet and --log-format=FORMAT wherever they stand.

    Attributes:
        examples: command lines that its help ends with, each of which it takes.
    """

    def __init__(self, *, examples: Sequence[str] = (), **settings: object) -> None:
        self.examples = tuple(examples)
        super().__init__(**{"allow_abbrev": False, **settings})  # type: ignore[arg-type]
        if self.add_help:
            about = "show what the libraries log, too, and the traceback of an unexpected error"
            self.add_argument("--verbose", action="store_true", default=argparse.SUPPRESS, help=about)
            about = "say nothing but warnings and errors"
            self.add_argument("--quiet", action="store_true", default=argparse.SUPPRESS, help=about)
            about = "of lines on standard error: text, or a JSON object each"
            self.add_argument("--log-format", choices=("text", "json"), default=argparse.SUPPRESS, help=about)

    def format_help(self) -> str:
        """Returns the help, with examples at its end."""
        lines = ["", "examples:", *(f"  {line}" for line in self.examples)] if self.examples else []
        return super().format_help() + "".join(f"{line}\n" for line in lines)

    def error(self, message: str) -> NoReturn:
        """Raises the message as one line; argparse itself would print the whole usage."""
        raise UsageError(f"{message}; see `{self.prog} --help`")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Names the nearest choice beside a wrong one, as argparse itself does from Python 3.14 on."""
        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        hint = did_you_mean(str(value), known, otherwise=f"there are {', '.join(known)}")
        raise argparse.ArgumentError(action, f"invalid choice: {value!r}; {hint}")

    @property
    def actions(self) -> list[argparse.Action]:
        """The options and arguments that the parser knows."""
        return self._actions

    @property
    def options(self) -> list[str]:
        """The options that the parser knows, as they are written."""
        return [option for action in self._actions for option in action.option_strings]

    def check_words(self, unknown: Iterable[str], *, others: Iterable[str] = (), about: str = "") -> None:
        """Refuses words that nothing takes.

        Args:
            unknown: the words that were left over.
            others: options that are known beside the parser's own, which come first in what is suggested.
            about: of what an unknown option is not one, for the message.

        Raises:
            UsageError: there are such words; names the first and the nearest option.
        """
        for word in unknown:
            if not word.startswith("-"):
                raise UsageError(f"what is {word!r} for? See `{self.prog} --help`")
            near = _nearest_option(word.partition("=")[0], self.options, others)
            hint = f"did you mean {near!r}?" if near else about
            raise UsageError(
                "; ".join(filter(None, (f"unknown option {word!r}", hint))) + f" (see `{self.prog} --help`)"
            )

    def check_dashes(self, words: Iterable[str]) -> None:
        """Refuses one of the parser's own options with underscores for dashes, which may be another one of Beam's.

        Raises:
            UsageError: there is one; names the option.
        """
        own = set(map(_plain, self.options))
        self.check_words(word for word in words if word.startswith("--") and _plain(word.partition("=")[0]) in own)

    def check_slips(self, words: Iterable[str]) -> None:
        """Refuses a word that is nearly one of the parser's options.

        Raises:
            UsageError: there is one; names the option.
        """
        for word in words:
            option = word.partition("=")[0]
            if word.startswith("--") and option not in self.options and _nearest_option(option, self.options, ()):
                self.check_words([word])


def _plain(option: str) -> str:
    return option.strip("-").replace("_", "-")


def _nearest_option(option: str, own: Iterable[str], others: Iterable[str]) -> str | None:
    """Returns the nearest option; however dashes and underscores are set, a word of our own comes first."""
    for known in (own, others):
        plain = {_plain(name): name for name in known if name.startswith("--")}
        if near := closest_name(_plain(option), plain, cutoff=0.75):
            return plain[near]
    return None
