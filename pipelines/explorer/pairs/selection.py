"""The rows of a query: a mask a condition, kept for the next query, joined by and."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from babelsift.pipelines.explorer.pairs.columns import Columns
from babelsift.pipelines.explorer.pairs.query import Query, QueryError, Range, Words
from babelsift.pipelines.explorer.pairs.search import TextSearch
from babelsift.schemas.suggestions import did_you_mean

_MASKS_KEPT, _ORDERS_KEPT, _ROWS_KEPT = 24, 4, 8


class Selection:
    """Answers which rows a query means.

    Attributes:
        columns: of the table.
        near: gives the rows near a query's `near`, the nearest first.
    """

    def __init__(self, columns: Columns, near: Callable[[tuple[str, str | int]], np.ndarray] | None = None) -> None:
        self.columns, self.near = columns, near
        self._search = TextSearch(columns.column("caption"), columns.column("url"))
        self._masks, self._orders, self._rows = _Kept(_MASKS_KEPT), _Kept(_ORDERS_KEPT), _Kept(_ROWS_KEPT)

    def warm(self) -> None:
        """Makes what the first search would wait for."""
        self._search.warm()

    def forget(self, column: str) -> None:
        """Forgets what was found by a column whose values have changed."""
        self._masks.drop(lambda key: key[0] == column)
        self._rows.drop(lambda key: any(name == column for name, _ in key[0]))

    def mask(self, query: Query) -> np.ndarray | None:
        """Returns bool[n], the rows of a query; None stands for all."""
        masks = [self._condition(name, wanted) for name, wanted in query.where.items()]
        if query.text:
            masks.append(self._masks.get(("", query.text), lambda: self._search.rows(query.text)))
        if query.near:
            is_near = np.zeros(len(self.columns.table), bool)
            is_near[self._near_rows(query)] = True
            masks.append(is_near)
        if not masks:
            return None
        return masks[0] if len(masks) == 1 else np.logical_and.reduce(masks)

    def rows(self, query: Query) -> np.ndarray:
        """Returns int[k], the rows of a query in its order."""
        key = (tuple(sorted(query.where.items())), query.text, query.near, query.sort, query.descending)
        return self._rows.get(key, lambda: self._find(query))

    def _find(self, query: Query) -> np.ndarray:
        mask = self.mask(query)
        if query.near and query.sort is None:
            rows = self._near_rows(query)
            return rows if mask is None else rows[mask[rows]]
        if query.sort is None:
            return np.arange(len(self.columns.table)) if mask is None else np.flatnonzero(mask)
        order = self._orders.get((query.sort, query.descending), lambda: self._order(query))
        return order if mask is None else order[mask[order]]

    def _near_rows(self, query: Query) -> np.ndarray:
        if self.near is None or query.near is None:
            raise QueryError("this run has no embeddings to search by")
        return self.near(query.near)

    def _order(self, query: Query) -> np.ndarray:
        name = query.sort or ""
        self._check(name, "number")
        values = self.columns.numbers(name).values
        order = np.argsort(-values if query.descending else values, kind="stable")  # NaN comes last
        return order.astype(np.int32)

    def _condition(self, name: str, wanted: Words | Range) -> np.ndarray:
        self._check(name, "facet" if isinstance(wanted, Words) else "number")
        return self._masks.get((name, wanted), lambda: self._made(name, wanted))

    def _made(self, name: str, wanted: Words | Range) -> np.ndarray:
        if isinstance(wanted, Words):
            facet = self.columns.facet(name)
            is_wanted = np.zeros(len(facet.words), bool)
            is_wanted[[facet.code_of[word] for word in wanted.words if word in facet.code_of]] = True
            return is_wanted[facet.codes]
        values = self.columns.numbers(name).values
        low = -np.inf if wanted.low is None else values.dtype.type(wanted.low)
        high = np.inf if wanted.high is None else values.dtype.type(wanted.high)
        return (values >= low) & (values <= high)

    def _check(self, name: str, kind: str) -> None:
        if self.columns.kinds.get(name) != kind:
            known = [column for column, of_column in self.columns.kinds.items() if of_column == kind]
            hint = did_you_mean(name, known, otherwise=f"there are {', '.join(known)}")
            raise QueryError(f"no {kind} {name!r}; {hint}")


class _Kept:
    """The values that were asked for last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value

    def drop(self, is_out: Callable[[Any], bool]) -> None:
        with self._lock:
            for key in [key for key in self._values if is_out(key)]:
                del self._values[key]
