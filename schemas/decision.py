"""A stage's verdict on each row of a batch: keep it, or leave it out with reason, value and threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from babelsift.schemas.columns import LEDGER_SCHEMA
from babelsift.schemas.reasons import ColumnReason, RejectReason, Stage

if TYPE_CHECKING:
    from typing_extensions import Self

_Rows = TypeVar("_Rows", pa.RecordBatch, pa.Table)
# Columns of the ledger that say what a pair was, or tell it by a value.
_OF_CONTENT = ("url", "caption", "value", "threshold")
_OF_PAIR = ("url", "caption", "language")


@dataclass
class Decision:
    """The verdict on every row of one batch; rows not rejected are kept. The first rejection of a row stands.

    Attributes:
        reasons: object[n], a RejectReason or ColumnReason, or None where the row is kept.
        values: object[n], the value that decided, as text or None.
        thresholds: object[n], what the value was compared with, as text or None.
    """

    reasons: np.ndarray
    values: np.ndarray
    thresholds: np.ndarray
    tells: ClassVar[bool] = True  # whether it is worth saying with which value and threshold rows are rejected

    @classmethod
    def keep_all(cls, rows: int) -> Self:
        """Returns a decision that keeps `rows` rows."""
        return cls(*(np.full(rows, None, dtype=object) for _ in range(3)))

    def reject(
        self,
        rejected: pa.BooleanArray | np.ndarray,
        reason: RejectReason | ColumnReason,
        *,
        values: object = None,
        threshold: object = None,
    ) -> None:
        """Rejects the rows where `rejected` is true and that were still kept.

        Numbers are shown with six digits, and with all of them where six do not tell the value from the threshold.

        Args:
            rejected: bool[n], no nulls.
            values: an array of n values of any type, one value for all rows, or None.
            threshold: an array of n values, one value for all rows, or None.
        """
        newly = np.flatnonzero(np.asarray(rejected, dtype=bool) & (self.reasons == None))  # noqa: E711 (elementwise)
        if not len(newly):
            return
        self.reasons[newly] = reason
        self.values[newly] = _texts(values, newly)
        self.thresholds[newly] = _texts(threshold, newly)
        alike = newly[self.values[newly] == self.thresholds[newly]]
        self.values[alike] = _texts(values, alike, exact=True)
        self.thresholds[alike] = _texts(threshold, alike, exact=True)

    def take_over(self, decision: Decision) -> None:
        """Rejects the rows that were still kept and that another decision on the same batch rejects, as it does."""
        newly = np.flatnonzero(self.kept & ~decision.kept)
        for name in ("reasons", "values", "thresholds"):
            getattr(self, name)[newly] = getattr(decision, name)[newly]

    def restore(self, rows: np.ndarray) -> None:
        """Keeps rows again, rejected or not.

        Args:
            rows: bool[n].
        """
        for field in (self.reasons, self.values, self.thresholds):
            field[rows] = None

    @property
    def kept(self) -> np.ndarray:
        """bool[n], True where the row is kept."""
        return self.reasons == None  # noqa: E711 (elementwise)

    def split(self, batch: pa.RecordBatch, stage: Stage) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """Returns (the kept rows with all their columns, the rejected rows as LEDGER_SCHEMA)."""
        kept = self.kept
        if kept.all():
            return batch, ledger_rows(batch.slice(0, 0), stage=stage, reasons=[], values=[], thresholds=[])
        left_out = np.flatnonzero(~kept)
        rejected = ledger_rows(
            batch.take(pa.array(left_out)),
            stage=stage,
            reasons=[reason.value for reason in self.reasons[left_out]],
            values=self.values[left_out],
            thresholds=self.thresholds[left_out],
        )
        return batch.take(pa.array(np.flatnonzero(kept))), rejected


class KeptRows(Decision):
    """A decision that knows which rows are kept and not why the others are not: for counting, many times over.

    >>> kept = KeptRows.keep_all(2)
    >>> kept.reject(np.array([True, False]), RejectReason.SIMILARITY_TOO_LOW)
    >>> kept.kept.tolist()
    [False, True]
    """

    tells = False

    def __init__(self, rows: int) -> None:
        nothing = np.empty(0, dtype=object)
        super().__init__(nothing, nothing, nothing)
        self._kept = np.ones(rows, bool)

    @classmethod
    def keep_all(cls, rows: int) -> Self:
        """Returns a decision that keeps `rows` rows."""
        return cls(rows)

    @property
    def kept(self) -> np.ndarray:
        """bool[n], True where the row is kept."""
        return self._kept

    def reject(
        self,
        rejected: pa.BooleanArray | np.ndarray,
        reason: RejectReason | ColumnReason,
        *,
        values: object = None,
        threshold: object = None,
    ) -> None:
        """Rejects the rows where `rejected` is true; the rest is not kept."""
        self._kept &= ~np.asarray(rejected, dtype=bool)

    def take_over(self, decision: Decision) -> None:
        """Rejects the rows that another decision on the same batch rejects."""
        self._kept &= decision.kept

    def restore(self, rows: np.ndarray) -> None:
        """Keeps rows again, rejected or not; rows: bool[n]."""
        self._kept |= rows


def ledger_rows(
    batch: pa.RecordBatch, *, stage: Stage, reasons: object, values: object, thresholds: object
) -> pa.RecordBatch:
    """Returns the rows of a batch as LEDGER_SCHEMA; columns that the batch does not have yet are null.

    Of a row that was removed on request the ledger has uid, source, language and reason alone, and of one whose image
    is on a hash list uid, source, reason and the list's name.
    """
    fate = {
        "stage": pa.array([stage.value] * len(batch), pa.string()),
        "reason": pa.array(reasons, pa.string()),
        "value": pa.array(values, pa.string()),
        "threshold": pa.array(thresholds, pa.string()),
    }
    columns = []
    for field in LEDGER_SCHEMA:
        if field.name in fate:
            columns.append(fate[field.name])
        elif field.name in batch.schema.names:
            columns.append(pc.cast(batch.column(field.name), field.type))
        else:
            columns.append(pa.nulls(len(batch), field.type))
    rows = pa.RecordBatch.from_arrays(columns, schema=LEDGER_SCHEMA)
    is_removed = pc.equal(rows.column("reason"), RejectReason.REMOVED.value)
    if pc.any(is_removed).as_py():
        rows = _without_content(rows, is_removed)
    is_listed = pc.equal(rows.column("reason"), RejectReason.ON_HASH_LIST.value)
    return _without_content(rows, is_listed, _OF_PAIR) if pc.any(is_listed).as_py() else rows


def as_removed(rows: _Rows, is_removed: np.ndarray) -> _Rows:
    """Returns ledger rows, some of which have come to be removed on request: they have no other fate any more.

    Args:
        rows: LEDGER_SCHEMA.
        is_removed: bool[n].
    """
    chosen = pa.array(is_removed)
    for name, value in (("stage", Stage.READ.value), ("reason", RejectReason.REMOVED.value)):
        column = pc.if_else(chosen, value, rows.column(name))
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), column)
    return _without_content(rows, chosen, ("language", *_OF_CONTENT))


def _without_content(rows: _Rows, chosen: pa.BooleanArray, names: Sequence[str] = _OF_CONTENT) -> _Rows:
    for name in names:
        column = pc.if_else(chosen, pa.scalar(None, pa.string()), rows.column(name))
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), column)
    return rows


def format_value(value: object, *, exact: bool = False) -> str | None:
    """Returns a value as the ledger shows it: numbers with six significant digits, anything else as text.

    Args:
        value: a number, of any type of float in as many digits as that type has, or anything.
        exact: as many digits as tell it from every other number of its type.

    >>> format_value(0.1 + 0.2), format_value(0.1 + 0.2, exact=True), format_value(np.float32(0.3), exact=True)
    ('0.3', '0.30000000000000004', '0.3')
    """
    if value is None:
        return None
    if isinstance(value, (float, np.floating)) and not exact:
        return f"{float(value):.6g}"
    return str(value)


def _texts(values: object, rows: np.ndarray, *, exact: bool = False) -> list[str | None] | str | None:
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        numbers: list[Any] = values.take(pa.array(rows)).to_pylist()
        if pa.types.is_float32(values.type):  # as doubles they would have more digits
            numbers = [None if number is None else np.float32(number) for number in numbers]
        return [format_value(number, exact=exact) for number in numbers]
    if isinstance(values, (np.ndarray, list)):
        return [format_value(values[row], exact=exact) for row in rows]
    return format_value(values, exact=exact)
