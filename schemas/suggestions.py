"""The known name that is nearest to an unknown one, for messages that name the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_CUTOFF = 0.5


def closest_name(name: str, known: Iterable[str], *, cutoff: float = _CUTOFF) -> str | None:
    """Returns the known name that is most like `name`; None where none is like it.

    Args:
        name: as a user wrote it.
        known: the names that would have been right.
        cutoff: 0 to 1, how much alike two names must be (`difflib.SequenceMatcher.ratio`).

    >>> closest_name("min_wrods", ["min_words", "max_words"])
    'min_words'
    """
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)), None)


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str) -> str:
    """Returns the hint of a message about an unknown name: the nearest known one, or `otherwise`.

    Args:
        name: as a user wrote it.
        known: the names that would have been right.
        otherwise: the hint where no known name is like it, such as the list of them all.

    >>> did_you_mean("min_wrods", ["min_words", "max_words"], otherwise="see docs/recipes.md")
    "did you mean 'min_words'?"
    >>> did_you_mean("colour", ["min_words", "max_words"], otherwise="see docs/recipes.md")
    'see docs/recipes.md'
    """
    near = closest_name(name, known)
    return otherwise if near is None else f"did you mean {near!r}?"
