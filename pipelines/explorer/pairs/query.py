"""Which rows a person wants to see, as a page's address says it: conditions on columns, a text, an order."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

_KEYS = ("where", "text", "near", "sort", "descending")
_NEAR: dict[str, type] = {"text": str, "image": str, "row": int}
_LONGEST_TEXT = 500


class QueryError(ValueError):
    """A query is not one; the message says why, for whoever asked."""


@dataclass(frozen=True)
class Words:
    """One of these words; None stands for none at all."""

    words: tuple[str | None, ...]


@dataclass(frozen=True)
class Range:
    """A number from low to high, both included; None: no bound."""

    low: float | None
    high: float | None


@dataclass(frozen=True)
class Query:
    """Rows that a person wants to see.

    Attributes:
        where: column -> what its value must be.
        text: what caption or URL must contain; "" asks for nothing.
        near: ("text", words), ("row", its number) or ("image", its digest): the pairs near it, the nearest first.
        sort: the column of numbers that orders the rows; None: their order in the files.
        descending: the largest first; rows without a number come last either way.
    """

    where: Mapping[str, Words | Range] = field(default_factory=dict)
    text: str = ""
    near: tuple[str, str | int] | None = None
    sort: str | None = None
    descending: bool = False

    def without(self, name: str) -> Query:
        """Returns the query without its condition on a column."""
        return replace(self, where={column: wanted for column, wanted in self.where.items() if column != name})


def parse_query(text: str | None) -> Query:
    """Returns the query that a JSON object says; none is the query of all rows.

    >>> parse_query('{"where": {"language": ["en", null], "width": [256, null]}, "text": "cat"}').where["width"]
    Range(low=256.0, high=None)

    Raises:
        QueryError: it says none.
    """
    try:
        said = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise QueryError("q is no JSON") from error
    if not isinstance(said, dict) or set(said) - set(_KEYS):
        raise QueryError(f"q is an object with {', '.join(_KEYS)}")
    where, words, sort = said.get("where") or {}, said.get("text") or "", said.get("sort")
    if not isinstance(where, dict) or not isinstance(words, str) or not isinstance(sort, str | None):
        raise QueryError("q.where is an object, q.text and q.sort are texts")
    if len(words) > _LONGEST_TEXT:
        raise QueryError(f"q.text has more than {_LONGEST_TEXT} characters")
    conditions = {name: _condition(name, wanted) for name, wanted in where.items()}
    return Query(conditions, words.strip(), _near(said.get("near")), sort, bool(said.get("descending")))


def _near(said: Any) -> tuple[str, str | int] | None:
    if said is None:
        return None
    if not isinstance(said, dict) or len(said) != 1 or set(said) - set(_NEAR):
        raise QueryError(f"q.near has one of {', '.join(_NEAR)}")
    kind, value = next((str(kind), value) for kind, value in said.items())
    if type(value) is not _NEAR[kind] or not str(value).strip() or len(str(value)) > _LONGEST_TEXT:
        raise QueryError(f"q.near.{kind} is not {_NEAR[kind].__name__}")
    return kind, value if isinstance(value, int) else str(value)


def _condition(name: str, wanted: Any) -> Words | Range:
    if not isinstance(wanted, list) or not wanted:
        raise QueryError(f"q.where.{name} is a list of words, or of two bounds")
    if all(value is None or isinstance(value, str) for value in wanted) and wanted != [None, None]:
        return Words(tuple(wanted))
    if len(wanted) != 2 or not all(value is None or _is_number(value) for value in wanted):
        raise QueryError(f"q.where.{name} is a list of words, or of two bounds")
    return Range(*(None if value is None else float(value) for value in wanted))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
