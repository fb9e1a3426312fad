"""Which columns of a file are the pair: as the user says, by their names, or by what a file without a header holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from babelsift.pipelines.inputs.slices import CAPTION_COLUMNS, URL_COLUMNS
from babelsift.schemas import InputError
from babelsift.schemas.suggestions import did_you_mean

_SHOWN_NAMES = 30
_SHOWN_CHARACTERS = 60
_URL = re.compile(r"\s*(?:https?:)?//\S|\s*(?:ftp|s3|gs|data):\S", re.IGNORECASE)
_SYNTAX = "it takes url=NAME|N,caption=NAME|N, columns counted from 1"


@dataclass(frozen=True)
class ColumnChoice:
    """The columns that the user names; None where that is left to their names in each file.

    Attributes:
        url: a name, or a number from 1 on as text.
        caption: a name, or a number from 1 on as text.
    """

    url: str | None = None
    caption: str | None = None


@dataclass(frozen=True)
class PairColumns:
    """Where a table's pair is.

    Attributes:
        url: index of the URL's column.
        caption: index of the caption's column.
        has_header: whether the first row holds names.
    """

    url: int
    caption: int
    has_header: bool = True


def parse_columns(text: str) -> ColumnChoice:
    """Returns the columns that `--columns` names: `url=NAME|N,caption=NAME|N`, in any order, either alone.

    A comma that no key follows belongs to the name before it.

    Raises:
        InputError: there is another key, one twice, or none; shows the syntax.

    >>> parse_columns("url=1,caption=Alt text")
    ColumnChoice(url='1', caption='Alt text')
    """
    chosen: dict[str, str] = {}
    last = ""
    for part in text.split(","):
        key, mark, name = part.partition("=")
        key = key.strip()
        if mark and key in ("url", "caption"):
            if key in chosen:
                raise InputError(f"--columns {text!r}: {key} is there twice; {_SYNTAX}")
            chosen[key], last = name, key
        elif last and not (mark and key.isidentifier()):
            chosen[last] += "," + part
        else:
            hint = did_you_mean(key, ("url", "caption"), otherwise=_SYNTAX) if mark else _SYNTAX
            raise InputError(f"--columns {text!r}: unknown key {key!r}; {hint}")
    if empty := [key for key, name in chosen.items() if not name.strip()]:
        raise InputError(f"--columns {text!r}: {empty[0]} names no column; {_SYNTAX}")
    return ColumnChoice(**chosen)


def choose_columns(choice: ColumnChoice, names: Sequence[str], *, where: str) -> PairColumns:
    """Returns the pair's columns among a file's columns.

    Args:
        choice: what the user names.
        names: of the file's columns, in their order.
        where: the file, for messages.

    Raises:
        InputError: a column is missing, or several could be meant.
    """
    url = _index(choice.url, URL_COLUMNS, names, where, "url")
    caption = _index(choice.caption, CAPTION_COLUMNS, names, where, "caption")
    if url == caption:
        raise InputError(f"{where}: column {names[url]!r} is both the URL and the caption; set --columns url=,caption=")
    return PairColumns(url, caption)


def choose_text_columns(choice: ColumnChoice, first_row: Sequence[str], *, where: str) -> PairColumns:
    """Returns the pair's columns in a text table, whose first row may hold names, or a pair already.

    A first row with a URL in it is a pair: of its two columns one is the URL and the other the caption, as in
    Conceptual Captions; of more the user says which they are, by number.

    Args:
        choice: what the user names.
        first_row: its fields.
        where: the file, for messages.

    Raises:
        InputError: a column is missing, or several could be meant.
    """
    urls = [index for index, field in enumerate(first_row) if _URL.match(field)]
    try:
        columns = choose_columns(choice, first_row, where=where)
    except InputError:
        given = [number for number in (choice.url, choice.caption) if number is not None]
        if not urls or any(_number(number, len(first_row)) is None for number in given):
            raise
    else:
        return PairColumns(columns.url, columns.caption, has_header=columns.url not in urls)
    url = _number(choice.url, len(first_row))
    caption = _number(choice.caption, len(first_row))
    if url is None and len(urls) == 1:
        url = urls[0]
    if caption is None and len(first_row) == 2 and url is not None:
        caption = 1 - url
    if url is None or caption is None:
        raise InputError(
            f"{where}: its first row has a URL in it, so there is no header, and {len(first_row)} columns; say which "
            f"are the pair by number, from 1: --columns url={'N' if url is None else url + 1},caption=N"
        )
    return PairColumns(url, caption, has_header=False)


def _index(given: str | None, candidates: Sequence[str], names: Sequence[str], where: str, part: str) -> int:
    """Returns the index of the column that is `part` of the pair."""
    if given is None:
        for alike in (lambda name: name, _plain):
            for candidate in candidates:
                indices = [index for index, name in enumerate(names) if alike(name) == alike(candidate)]
                if indices:
                    return _only(indices, names, where, part)
        raise InputError(
            f"{where}: cannot tell which of its columns to use; it has {_shown(names)}; set --{part}-col NAME, or "
            f"--columns {part}=NAME|N"
        )
    exact = [index for index, name in enumerate(names) if name == given]
    number = _number(given, len(names))
    if not exact and number is not None:
        return number
    indices = exact or [index for index, name in enumerate(names) if _plain(name) == _plain(given)]
    if indices:
        return _only(indices, names, where, part)
    if "+" in given:
        raise InputError(
            f"{where}: has no column {given!r}; several columns for one {part} cannot be read yet, name one"
        )
    hint = did_you_mean(given, names, otherwise=f"it has {_shown(names)}")
    raise InputError(f"{where}: has no column {given!r}; {hint} (set --{part}-col)")


def _only(indices: Sequence[int], names: Sequence[str], where: str, part: str) -> int:
    if len(indices) == 1:
        return indices[0]
    numbers = " and ".join(str(index + 1) for index in indices)
    alike = " and ".join(dict.fromkeys(repr(names[index]) for index in indices))
    raise InputError(
        f"{where}: columns {numbers} are both named {alike}; say which is the {part} by number: --columns "
        f"{part}={indices[0] + 1}"
    )


def _number(given: str | None, columns: int) -> int | None:
    """Returns the index that a number from 1 on says; None where it is no number of a column."""
    if given is None or not (given.isascii() and given.strip().isdecimal()):
        return None
    return int(given) - 1 if 1 <= int(given) <= columns else None


def _plain(name: str) -> str:
    """A name without case, blanks and marks."""
    return "".join(character for character in name.casefold() if character.isalnum()) or name.strip()


def _shown(names: Sequence[str]) -> str:
    cut = (name.strip()[:_SHOWN_CHARACTERS] for name in names[:_SHOWN_NAMES])
    shown = ", ".join(name if name.isprintable() and name else ascii(name) for name in cut)
    return f"{shown} and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else shown or "none"
