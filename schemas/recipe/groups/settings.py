"""What groups of settings have in common, and lists of words or hosts that a recipe names inline or by file."""

from __future__ import annotations

from typing import Annotated, Literal, Union

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_SHOWN_ENTRIES = 8


class Settings(BaseModel):
    """Base of every group of settings: unknown keys are errors, values are never silently converted from text."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


FlaggedLanguage = Literal[
    "ar", "cs", "da", "de", "en", "es", "fa", "fi", "fr", "hi", "hu", "it", "ja", "ko", "nl", "no", "pl", "pt", "ru",
    "sv", "th", "tr", "zh",
]  # fmt: skip


class EntryList(Settings):
    """A list that a recipe spells out, or keeps in files (one entry a line; plain, .gz or .zst; any fsspec URL).

    A recipe may write `[a, b]` for entries alone and `path/to/list.txt` for one file.

    Attributes:
        entries: words and phrases
        files: files with one a line
    """

    # Not strict: what the validator below makes of a recipe's text is no longer JSON, where lists are tuples.
    entries: Annotated[tuple[str, ...], Field(strict=False)] = ()
    files: Annotated[tuple[str, ...], Field(strict=False)] = ()

    def __str__(self) -> str:
        shown = [*self.entries[:_SHOWN_ENTRIES], *self.files]
        return " ".join([*shown, "..."] if len(self.entries) > _SHOWN_ENTRIES else shown)


def _entries_or_file(value: object) -> object:
    if isinstance(value, str):
        return {"files": (value,)}
    return {"entries": value} if isinstance(value, (list, tuple)) else value


class FlaggedWordList(EntryList):
    """Words that captions must not hold: the recipe's own, and lists that ship, by language.

    Attributes:
        shipped: languages of lists that ship: `ar cs da de en es fa fi fr hi hu it ja ko nl no pl pt ru sv th tr zh`
    """

    shipped: Annotated[tuple[FlaggedLanguage, ...], Field(strict=False)] = ()

    def __str__(self) -> str:
        return " ".join(filter(None, [*(f"shipped:{language}" for language in self.shipped), super().__str__()]))


_ENTRIES = Union[str, tuple[str, ...], EntryList]  # noqa: UP007 (a value, for pydantic)
FlaggedWordEntries = Annotated[
    FlaggedWordList,
    BeforeValidator(_entries_or_file, json_schema_input_type=Union[str, tuple[str, ...], FlaggedWordList]),  # noqa: UP007
]
Entries = Annotated[EntryList, BeforeValidator(_entries_or_file, json_schema_input_type=_ENTRIES)]
