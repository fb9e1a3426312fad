"""Counts of every facet's words and every histogram's bins, each under all of a query but its own condition."""

from __future__ import annotations

from typing import Any

import numpy as np

from babelsift.pipelines.explorer.pairs.columns import BINS
from babelsift.pipelines.explorer.pairs.query import Query, Words
from babelsift.pipelines.explorer.pairs.selection import Selection

MOST_WORDS = 60


def summaries(selection: Selection, query: Query) -> dict[str, Any]:
    """Returns {"facets": {name: [[word, rows]]}, "distinct": {name: words}, "histograms": {name: [rows a bin]}}.

    Words come by rows, the most first, the MOST_WORDS of them, and those that the query asks for.

    Args:
        selection: of the table.
        query: what is asked for.
    """
    columns = selection.columns
    shared: dict[str, np.ndarray | None] = {}

    def rows_but(name: str) -> np.ndarray | None:
        """The rows by all other conditions; None stands for all rows."""
        others = query.without(name) if name in query.where else query
        key = name if name in query.where else ""
        if key not in shared:
            mask = selection.mask(others)
            shared[key] = None if mask is None else np.flatnonzero(mask)
        return shared[key]

    facets, distinct, histograms = {}, {}, {}
    for name in columns.names("facet"):
        facet = columns.facet(name)
        counts = _counts(facet.codes, rows_but(name), len(facet.words))
        wanted = query.where.get(name)
        facets[name] = _top(counts, facet.words, wanted.words if isinstance(wanted, Words) else ())
        distinct[name] = int((counts > 0).sum())
    for name in columns.names("number"):
        counts = _counts(columns.numbers(name).bins, rows_but(name), BINS + 1)
        histograms[name] = counts.tolist()
    return {"facets": facets, "distinct": distinct, "histograms": histograms}


def _counts(codes: np.ndarray, rows: np.ndarray | None, most: int) -> np.ndarray:
    return np.bincount(codes if rows is None else codes[rows], minlength=most)


def _top(counts: np.ndarray, words: list[str | None], wanted: tuple[str | None, ...]) -> list[list[Any]]:
    order = np.argsort(-counts, kind="stable")[:MOST_WORDS]
    shown = [[words[code], int(counts[code])] for code in order.tolist() if counts[code]]
    there = {word for word, _ in shown}
    place = {word: code for code, word in enumerate(words)} if set(wanted) - there else {}
    return shown + [[word, int(counts[place[word]]) if word in place else 0] for word in wanted if word not in there]
