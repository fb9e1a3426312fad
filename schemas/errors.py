"""The errors a user can meet. Each message names what was found, where, and the remedy."""

from __future__ import annotations

from collections.abc import Iterator

from babelsift.schemas.public_urls import public_text


class BabelsiftError(Exception):
    """Base of every error that is the user's to mend; the command line prints it without a traceback.

    Messages are one line. Workers raise the same classes, and Beam appends the step's name to their text.
    """


class RecipeError(BabelsiftError):
    """A setting is unknown, of the wrong type, or cannot be met on this machine. Raised before a run starts."""


class InputError(BabelsiftError):
    """An input cannot be opened or has no such column. Raised before a run starts."""


class ModelError(BabelsiftError):
    """A model cannot be found or loaded, or its outputs are unusable."""


class RunFolderError(BabelsiftError):
    """The output folder cannot be written, or holds something this run must not touch."""


class PushError(BabelsiftError):
    """A finished run cannot be uploaded: the hub refuses or cannot be reached, or what is to be sent is not there."""


class DownloadError(BabelsiftError):
    """The web as a whole cannot be reached from here. The run stops, and the same command goes on once it can."""


class RunnerError(BabelsiftError):
    """The Beam runner is not there, cannot be reached, or failed for a reason of its own."""


class SchemaError(BabelsiftError):
    """A batch at a stage boundary is not what the stage's schema says. Stops the run."""


class AccountingError(BabelsiftError):
    """Input rows are not kept rows plus rejected rows. The run fails rather than lose a pair silently."""


def one_line(error: BaseException, limit: int | None = 300) -> str:
    """Returns an error's message as one line, of at most `limit` characters; without words, its class's name.

    URLs in it are without credentials and signatures.
    """
    text = " ".join(public_text(str(error)).split()) or type(error).__name__
    return text if limit is None or len(text) <= limit else text[: limit - 3] + "..."


def error_chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yields an error, the one that caused it or was being handled when it was raised, and so on.

    >>> try:
    ...     {}["a"]
    ... except KeyError:
    ...     try:
    ...         int("b")
    ...     except ValueError as error:
    ...         print([type(each).__name__ for each in error_chain(error)])
    ['ValueError', 'KeyError']
    """
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
