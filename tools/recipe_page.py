"""Writes the tables of docs/recipes.md anew from the settings' classes: `python -m tools.recipe_page`.

A row is a setting: its name in a recipe, its default, and what its class's docstring says it means. Headings and prose
are the page's own; a group without a heading is an error that names it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from babelsift.schemas import Recipe
from babelsift.schemas.recipe.groups.selection import SelectRule
from babelsift.schemas.recipe.groups.settings import EntryList
from babelsift.schemas.recipe.json_schema import models_in, setting_meanings

PAGE = Path(__file__).parents[1] / "docs" / "recipes.md"
_ITSELF = "The recipe itself"
_ROW = re.compile(r"\| `\w+` \| `[^`]*` \| .+ \|")


def main() -> int:
    """Writes the page."""
    PAGE.write_text(page_with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


def page_with_tables(page: str) -> str:
    """Returns the page with the rows that the settings' classes ask for.

    Raises:
        ValueError: a group has no table under its heading, or a heading no group.
    """
    tables = {heading: _rows(model) for heading, model in groups()}
    lines: list[str] = []
    written: set[str] = set()
    heading = ""
    for line in page.splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ").replace("`", "")
        if not _ROW.fullmatch(line):
            lines.append(line)
        elif heading not in tables:
            raise ValueError(f"docs/recipes.md: no group of settings is {heading!r}")
        elif heading not in written:
            lines += tables[heading]
            written.add(heading)
    if missing := sorted(tables.keys() - written):
        raise ValueError(f"docs/recipes.md: no table under a heading `{missing[0]}`")
    return "\n".join(lines) + "\n"


def groups() -> list[tuple[str, type[BaseModel]]]:
    """Returns (heading, its settings): the recipe itself, its groups, then each group within one, by its path."""
    found: list[tuple[str, type[BaseModel]]] = [(_ITSELF, Recipe)]
    for heading, model in found:
        within = "" if model is Recipe else f"{heading}."
        for name, field in model.model_fields.items():
            inner = models_in(field.annotation)[:1]
            found += [(f"{within}{name}", group) for group in inner if _is_shown(found, group)]
    return found


def _is_shown(found: list[tuple[str, type[BaseModel]]], model: type[BaseModel]) -> bool:
    """Whether a group has a table of its own: once, where it is first met; plain lists and rules within rules none."""
    return model not in (EntryList, SelectRule) and all(model is not other for _, other in found)


def _rows(model: type[BaseModel]) -> list[str]:
    return [f"| `{name}` | `{default}` | {meaning} |" for name, default, meaning in _settings(model)]


def _settings(model: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    """Yields (a setting's name in a recipe, its default, its meaning), but for the recipe's own groups."""
    meanings = setting_meanings(model)
    for name, field in model.model_fields.items():
        if model is not Recipe or not models_in(field.annotation):
            yield field.alias or name, default_text(field), meanings[name]


def default_text(field: FieldInfo) -> str:
    """Returns a default as a recipe writes it."""
    value: Any = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if value is None or isinstance(value, EntryList):
        return "null" if value is None else "[]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, BaseModel) or value == {}:
        return "{}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return str(value) if value != "" else '""'


if __name__ == "__main__":
    sys.exit(main())
