"""Stops a run when a column's maker fails too often, instead of storing that nothing is known."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence

from babelsift.schemas import ModelError
from babelsift.schemas.recipe import Column

_WINDOW = 256  # things, the latest
_ENOUGH = 10  # fewer failures prove nothing


class FailureShare:
    """The share of failures among the things that a column's maker was asked about last.

    Args:
        column: its settings; with `on_error: stop` none may fail.
    """

    def __init__(self, column: Column) -> None:
        self._column = column
        self._latest: deque[str | None] = deque(maxlen=_WINDOW)

    def add(self, errors: Sequence[str | None]) -> None:
        """Counts things that were asked about.

        Args:
            errors: of each why it has no value; None: it has one, or could not be asked about.

        Raises:
            ModelError: too many of the latest failed.
        """
        self._latest.extend(errors)
        failures = [error for error in self._latest if error is not None]
        column, of = self._column, len(self._latest)
        if column.on_error == "stop" and failures:
            raise self._error(failures, of, "let the column say `on_error: skip`")
        most = column.max_failure_rate
        if most is not None and len(failures) >= _ENOUGH and len(failures) > most * of:
            raise self._error(failures, of, f"raise the column's max_failure_rate ({most:g}; null: none stops a run)")

    def _error(self, failures: Sequence[str], of: int, otherwise: str) -> ModelError:
        kinds = Counter(error.partition(":")[0] for error in failures)
        [(kind, count)] = kinds.most_common(1)
        example = next(error for error in failures if error.partition(":")[0] == kind)
        what = self._column.call or self._column.by
        return ModelError(
            f"column {self._column.name!r}: {what} gives no value for {len(failures)} of the last {of}, {count} times "
            f"by {example}: nothing of these is stored; mend it and run the same command again, or {otherwise}"
        )
