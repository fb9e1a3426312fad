"""How the command ends: its exit status, a line on standard error, and output that nobody reads any more.

Importing this module costs nothing, so that Ctrl-C while the rest is imported is one line, too.
"""

from __future__ import annotations

import codecs
import contextlib
import itertools
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, TextIO

RUN_FAILED = 1
USER_ERROR = 2
INTERRUPTED = 128 + signal.SIGINT
OUTPUT_CLOSED = 128 + signal.SIGPIPE

_GOES_ON = ("curate", "demo", "push", "remove")


_interrupts: list[int] = []  # signals that this process has had


def note_interrupt() -> bool:
    """Notes that Ctrl-C was pressed; returns whether it was before."""
    _interrupts.append(signal.SIGINT)
    return len(_interrupts) > 1


def was_interrupted() -> bool:
    """Whether Ctrl-C was pressed: what a library makes of it may be an error of another kind."""
    return bool(_interrupts)


def interrupted(words: Sequence[str]) -> int:
    """Says that the command was interrupted; returns its exit status.

    Args:
        words: of the command line, without the program's name.
    """
    with contextlib.suppress(ValueError):  # in a thread that is not the main one
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    remedy = "; the same command goes on from here" if set(words[:2]) & set(_GOES_ON) else ""
    say_error(f"interrupted{remedy}", INTERRUPTED, words)
    return INTERRUPTED


def never_fail_to_encode() -> None:
    """Has standard output write what its encoding lacks: bars as # and -, other characters by number, as JSON does."""
    codecs.register_error("babelsift.plain", _plain)
    with contextlib.suppress(AttributeError, OSError, ValueError):  # none, or closed
        sys.stdout.reconfigure(errors="babelsift.plain")  # type: ignore[union-attr]


def _plain(error: UnicodeError) -> tuple[str, int]:
    import json

    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    plain = {"█": "#", "░": "-", "–": "-"}
    return "".join(plain.get(one) or json.dumps(one)[1:-1] for one in lacking), error.end


class OutputError(Exception):
    """Standard output cannot be written, for the reason that is its cause."""


class CheckedOutput:
    """Standard output that raises OutputError, so that its errors are not taken for those of a file or the network."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes a text; returns its length."""
        try:
            return self._stream.write(text)
        except OSError as error:
            raise OutputError from error

    def flush(self) -> None:
        """Writes what is buffered."""
        try:
            self._stream.flush()
        except OSError as error:
            raise OutputError from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def output_failed(error: OutputError, words: Sequence[str]) -> int:
    """Lets go of output that cannot be written, and says why where that is not wanted; returns the exit status."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # the interpreter would try to write it once more
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    if isinstance(error.__cause__, BrokenPipeError):
        return OUTPUT_CLOSED  # as of `| head`: whoever reads has what they want
    reason = getattr(error.__cause__, "strerror", error.__cause__)
    say_error(f"cannot write to standard output: {reason}", RUN_FAILED, words)
    return RUN_FAILED


def say_error(message: str, status: int, words: Sequence[str]) -> None:
    """Says in one line why the command ends with a status that is not 0, as JSON where log lines are.

    Args:
        message: one line; control characters in it are escaped.
        status: the exit status.
        words: of the command line, without the program's name.
    """
    message = "".join(map(_printable, message))
    if not _are_lines_json(words):
        say(f"babelsift: {message}")
        return
    import json
    from datetime import datetime, timezone

    at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    line = {"at": at, "level": "error", "message": message, "exit_status": status}
    say(json.dumps(line, ensure_ascii=False))


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def _are_lines_json(words: Sequence[str]) -> bool:
    """Whether --log-format=json is among the words: they may be wrong otherwise, so that no parser has read them."""
    said = [*words, ""]
    pairs = itertools.pairwise(said)
    return "--log-format=json" in words or ("--log-format", "json") in pairs


def say(line: str) -> None:
    """Prints a line on standard error, where there is one."""
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)
