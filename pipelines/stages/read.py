"""Stage read: from the input's files to batches of pairs, with a uid each and the row that they came from."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import apache_beam as beam
import pyarrow as pa

from babelsift.pipelines.core.shuffled_pieces import batch_pieces
from babelsift.pipelines.core.stage_outputs import emit, kept_and_rejected
from babelsift.pipelines.core.tally import current_tally
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.inputs.read_slice import BATCH_ROWS, read_slice
from babelsift.pipelines.inputs.slices import InputPlan, InputSlice
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.progress.files import tell_from_worker
from babelsift.pipelines.run_folder.tombstones import NO_TOMBSTONES, Tombstones
from babelsift.schemas import Decision, InputError, RejectReason, Stage, as_removed
from babelsift.schemas.recipe import ReadSettings

__all__ = ["BATCH_ROWS", "ROWS_READ", "ReadPairs", "UnreadableRate", "read_slice"]

ROWS_READ = "rows_read"  # the tag of the output that says how many rows and how many texts each slice had
# Of fewer rows a file of nothing but unreadable ones proves nothing.
_ENOUGH_ROWS = 50
_ENOUGH_ROWS_OF_FILES = 1000
# Reasons that count, and what the message says after the value: a whole file of them is in another encoding.
_UNREADABLE = {RejectReason.UNREADABLE_ROW.value: "", RejectReason.INVALID_ENCODING.value: " is not UTF-8"}


@dataclass
class ReadPairs(Transform):
    """Reads the input's slices as batches of pairs.

    Outputs:
        main: READ_SCHEMA and the carried columns, at most BATCH_ROWS rows and MAX_SHUFFLED_BYTES a batch.
        REJECTED: rows that are no pair.
        ROWS_READ: (rows of a slice, their texts), kept or not; a row without a text counts as one.

    Attributes:
        plan: what to read.
        settings: how many rows may be unreadable, and whether pages' opt-outs are heard.
        folder: the run folder, to which workers elsewhere tell how far they are; None: they do not.
        removed: what was removed from it on request; of that the ledger has uid and source alone.
    """

    plan: InputPlan
    settings: ReadSettings = field(default_factory=ReadSettings)
    folder: RunFolder | None = None
    removed: Tombstones = NO_TOMBSTONES

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.pvalue.DoOutputsTuple:
        """Spreads the slices over the workers and reads each."""
        read = beam.ParDo(_ReadSlice(self.plan, self.settings, self.folder, self.removed))
        return (
            pbegin
            | "Slices" >> beam.Create(list(self.plan.slices), reshuffle=False)
            | "Spread" >> beam.Reshuffle()
            | "Read" >> kept_and_rejected(read, {ROWS_READ: tuple[int, int]})
        )


class _ReadSlice(beam.DoFn):
    def __init__(self, plan: InputPlan, settings: ReadSettings, folder: RunFolder | None, removed: Tombstones) -> None:
        self._folder = folder
        self._removed = removed
        self._plan = replace(plan, slices=(), hears_page_opt_outs=settings.page_opt_outs)
        self._max_rate = settings.max_unreadable_rate

    def setup(self) -> None:
        if self._folder is not None:
            tell_from_worker(self._folder, current_tally().to_json)
        self._all_rate = UnreadableRate(self._max_rate, "the files read so far", enough_rows=_ENOUGH_ROWS_OF_FILES)

    def process(self, element: InputSlice) -> Iterator[object]:
        total = all_texts = 0
        rate = UnreadableRate(self._max_rate, element.file.shown)
        for rows, kept, rejected, texts in read_slice(element, self._plan):
            total += rows
            all_texts += texts
            for counted in (rate, self._all_rate):
                counted.add(texts, rejected)
            if self._removed:
                kept, rejected = without_removed(kept, rejected, self._removed)
            kept = [piece for batch in kept for piece in batch_pieces(batch)]
            yield from emit(Stage.READ, texts, kept, rejected)
        for counted in (rate, self._all_rate):
            counted.check()
        rate.say_if_nothing_is_readable()
        logging.info("read: %s: %d rows", element.file.shown, total)
        yield beam.pvalue.TaggedOutput(ROWS_READ, (total, all_texts))


def without_removed(
    kept: Iterable[pa.RecordBatch], rejected: Iterable[pa.RecordBatch], removed: Tombstones
) -> tuple[list[pa.RecordBatch], list[pa.RecordBatch]]:
    """Returns (pairs that were not removed on request, ledger rows: of the others, and those that were no pair).

    Args:
        kept: READ_SCHEMA and carried columns.
        rejected: LEDGER_SCHEMA.
        removed: by uid, URL or domain.
    """
    left, gone = [], [as_removed(batch, removed.are_pairs(batch)) for batch in rejected]
    for batch in kept:
        decision = Decision.keep_all(len(batch))
        decision.reject(removed.are_pairs(batch), RejectReason.REMOVED)
        pairs, ledger = decision.split(batch, Stage.READ)
        left.append(pairs)
        gone.append(ledger)
    return left, [batch for batch in gone if len(batch)]


class UnreadableRate:
    """Stops a run when too large a share of the rows cannot be read: a file is not what it is read as.

    Args:
        max_rate: highest share of rows that may be unreadable; None: any.
        name: of the file, for the message.
        enough_rows: of fewer no rate says anything.
    """

    def __init__(self, max_rate: float | None, name: str, *, enough_rows: int = _ENOUGH_ROWS) -> None:
        self._max_rate = max_rate
        self._name = name
        self._enough_rows = enough_rows
        self._rows = self._unreadable = 0
        self._problem = ""

    def add(self, rows: int, rejected: list[pa.RecordBatch]) -> None:
        """Counts rows that were read.

        Args:
            rows: how many.
            rejected: the ledger rows among them.
        """
        self._rows += rows
        for batch in rejected:
            for reason, value in zip(*(batch.column(name).to_pylist() for name in ("reason", "value")), strict=True):
                if reason in _UNREADABLE:
                    self._unreadable += 1
                    self._problem = self._problem or f"{value}{_UNREADABLE[reason]}"

    def say_if_nothing_is_readable(self) -> None:
        """Logs a warning where no row of those counted could be read, however few they are."""
        if self._rows and self._unreadable == self._rows:
            logging.warning("read: %s: nothing in it could be read: %s", self._name, self._problem)

    def check(self) -> None:
        """Raises InputError where too many of the rows that were counted are unreadable."""
        if self._max_rate is None or self._rows < self._enough_rows or self._unreadable <= self._max_rate * self._rows:
            return
        raise InputError(
            f"{self._name}: {self._unreadable / self._rows:.0%} of {self._rows} rows cannot be read (the first: "
            f"{self._problem}); replace or mend the file, or raise read.max_unreadable_rate ({self._max_rate:g})"
        )
