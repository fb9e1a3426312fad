"""Which columns of a file are the pair: as the user says, by their names, or by what a file without a header holds.

    url=NAME|N                  a column by its name, or by its number from 1 on
    caption=NAME                one text column
    caption=A+B                 both: each text is a pair of its own with the row's URL
    caption=A/B                 a fall-back order: the first of them that is not empty
    caption=A/B+C               the first of A and B, and C
    language=NAME               the column that says the texts' language, carried as `text_language`
    license=NAME                the column that says the images' licences: `license` has their short identifiers

A column that is named just so is taken before `+` and `/` mean anything. Any text column may hold lists of texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from babelsift.pipelines.inputs.slices import CAPTION_COLUMNS, URL_COLUMNS, TextColumns
from babelsift.schemas import InputError
from babelsift.schemas.suggestions import did_you_mean

_SHOWN_NAMES = 30
_SHOWN_CHARACTERS = 60
_URL = re.compile(r"\s*(?:https?:)?//\S|\s*(?:ftp|s3|gs|data):\S", re.IGNORECASE)
_SYNTAX = (
    "it takes url=NAME|N,caption=NAME|N[+NAME...][,language=NAME|N][,license=NAME|N], columns counted "
    "from 1; A/B: the first not empty"
)
_KEYS = ("url", "caption", "language", "license")
_ALL, _ELSE = "+", "/"
_OF_ONE_PART = ("--url-col", "--caption-col")


@dataclass(frozen=True)
class ColumnChoice:
    """The columns that the user names; None where that is left to their names in each file.

    Attributes:
        url: a name, or a number from 1 on as text.
        caption: likewise, or several joined by `+` and `/`.
        language: likewise, of the column that says the texts' language; None: none does.
        license: likewise, of the column that says the images' licences.
        option: what the user named them by, for messages.
    """

    url: str | None = None
    caption: str | None = None
    language: str | None = None
    license: str | None = None
    option: str = field(default="--columns", repr=False, compare=False)

    def remedy(self, part: str) -> str:
        """Returns what the user sets to name a part of the pair."""
        return f"--{part}-col NAME" if self.option in _OF_ONE_PART else f"{self.option} {part}=NAME|N"


@dataclass(frozen=True)
class PairColumns:
    """Where a table's pair is.

    Attributes:
        url: index of the URL's column.
        captions: of each text of a row, the indices of its columns in their fall-back order.
        has_header: whether the first row holds names.
        language: index of the column that says the texts' language, if one does.
        license: index of the column that says the images' licences, if one does.
    """

    url: int
    captions: TextColumns
    has_header: bool = True
    language: int | None = None
    license: int | None = None


def parse_columns(text: str, *, setting: str = "--columns") -> ColumnChoice:
    """Returns the columns that `--columns` names: `url=NAME|N,caption=NAME|N`, in any order, each alone; see above.

    A comma that no key follows belongs to the name before it.

    Args:
        text: the option's value.
        setting: what has the value, for messages.
    Raises:
        InputError: there is another key, one twice, or none; shows the syntax.

    >>> parse_columns("url=1,caption=Alt text")
    ColumnChoice(url='1', caption='Alt text', language=None, license=None)
    """
    chosen: dict[str, str] = {}
    last = ""
    for part in text.split(","):
        key, mark, name = part.partition("=")
        key = key.strip()
        if mark and key in _KEYS:
            if key in chosen:
                raise InputError(f"{setting} {text!r}: {key} is there twice; {_SYNTAX}")
            chosen[key], last = name, key
        elif last and not (mark and key.isidentifier()):
            chosen[last] += "," + part
        else:
            hint = did_you_mean(key, _KEYS, otherwise=_SYNTAX) if mark else _SYNTAX
            raise InputError(f"{setting} {text!r}: unknown key {key!r}; {hint}")
    if empty := [key for key, name in chosen.items() if not name.strip()]:
        raise InputError(f"{setting} {text!r}: {empty[0]} names no column; {_SYNTAX}")
    return ColumnChoice(**chosen, option=setting)


def recipe_columns(text: str | None) -> ColumnChoice | None:
    """Returns the columns that a recipe's `read.columns` names; None where it names none.

    Raises:
        InputError: as of `parse_columns`.
    """
    return None if text is None else parse_columns(text, setting="read.columns:")


def choose_columns(choice: ColumnChoice, names: Sequence[str], *, where: str) -> PairColumns:
    """Returns the pair's columns among a file's columns.

    Args:
        choice: what the user names.
        names: of the file's columns, in their order.
        where: the file, for messages.

    Raises:
        InputError: a column is missing, or several could be meant.
    """
    url = _index(choice, URL_COLUMNS, names, where, "url", given=choice.url)
    captions = _captions(choice, names, where)
    if any(url in chain for chain in captions):
        raise InputError(f"{where}: column {names[url]!r} is both the URL and the caption; set --columns url=,caption=")
    language = None if choice.language is None else _index(choice, (), names, where, "language", given=choice.language)
    if language is not None and (language == url or any(language in chain for chain in captions)):
        raise InputError(f"{where}: column {names[language]!r} is both the language and the pair; name another")
    license = None if choice.license is None else _index(choice, (), names, where, "license", given=choice.license)
    if license is not None and (license in (url, language) or any(license in chain for chain in captions)):
        raise InputError(f"{where}: column {names[license]!r} is both the license and the pair; name another")
    return PairColumns(url, captions, language=language, license=license)


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
        given = [
            number
            for number in (choice.url, *_parts(choice.caption), choice.language, choice.license)
            if number is not None
        ]
        if not urls or any(_number(number, len(first_row)) is None for number in given):
            raise
    else:
        return replace(columns, has_header=columns.url not in urls)
    url = _number(choice.url, len(first_row))
    captions = None if choice.caption is None else _captions(choice, first_row, where)
    if url is None and len(urls) == 1:
        url = urls[0]
    if captions is None and len(first_row) == 2 and url is not None:
        captions = ((1 - url,),)
    if url is None or captions is None:
        raise InputError(
            f"{where}: its first row has a URL in it, so there is no header, and {len(first_row)} columns; say which "
            f"are the pair by number, from 1: --columns url={'N' if url is None else url + 1},caption=N"
        )
    language, license = (_number(number, len(first_row)) for number in (choice.language, choice.license))
    return PairColumns(url, captions, has_header=False, language=language, license=license)


def _captions(choice: ColumnChoice, names: Sequence[str], where: str) -> TextColumns:
    """Returns the columns of each text; a part that several marks are in is the longest that a column is named as."""
    given = choice.caption
    if given is None:
        return ((_index(choice, CAPTION_COLUMNS, names, where, "caption", given=None),),)
    parts = _parts(given)
    marks = re.findall(r"[+/]", given)
    chains: list[tuple[int, ...]] = []
    start, mark = 0, _ALL
    while start < len(parts):
        end = next((end for end in range(len(parts), start + 1, -1) if _is_column(given, start, end, names)), start + 1)
        index = _index(choice, CAPTION_COLUMNS, names, where, "caption", given=_joined(given, start, end))
        chains = [*chains, (index,)] if mark == _ALL else [*chains[:-1], (*chains[-1], index)]
        mark = marks[end - 1] if end < len(parts) else mark
        start = end
    chosen = [index for chain in chains for index in chain]
    if twice := [index for index in chosen if chosen.count(index) > 1]:
        raise InputError(f"{where}: column {names[twice[0]]!r} is there twice in caption={given}; name it once")
    return tuple(chains)


def _parts(given: str | None) -> list[str]:
    """Returns the names between the marks of a choice of captions."""
    return [] if given is None else re.split(r"[+/]", given)


def _joined(given: str, start: int, end: int) -> str:
    """Returns the parts of a choice from one to before another, with the marks between them."""
    pieces = re.split(r"([+/])", given)
    return "".join(pieces[2 * start : 2 * end - 1])


def _is_column(given: str, start: int, end: int, names: Sequence[str]) -> bool:
    return _joined(given, start, end) in names


def _index(
    choice: ColumnChoice, candidates: Sequence[str], names: Sequence[str], where: str, part: str, *, given: str | None
) -> int:
    """Returns the index of the column that is `part` of the pair; given: as the choice names it, or a part of that."""
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
    if not given.strip():
        raise InputError(f"{where}: {part} names no column beside a + or a /; {_SYNTAX}")
    hint = did_you_mean(given, names, otherwise=f"it has {_shown(names)}")
    raise InputError(f"{where}: has no column {given!r}; {hint} (set {choice.remedy(part)})")


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
