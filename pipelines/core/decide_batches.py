"""Stages that decide each batch on its own: on all cores where a job runs in this process, in the order of the input.

Beam's in-process runner hands one bundle to one thread. What the text stages do in Arrow, numpy and compiled loops
gives Python's lock away, so threads are enough: batches are decided ahead of the one that is emitted.

        element 1 2 3 4 5 ->  threads: 3 4 5 under way  ->  emitted: 1 2
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache

import apache_beam as beam
import pyarrow as pa

from babelsift.filters.cores import usable_cores
from babelsift.pipelines.core.bundle_end import at_bundle_end
from babelsift.pipelines.core.counters import count
from babelsift.pipelines.core.parking import current_parking
from babelsift.pipelines.core.stage_outputs import emit
from babelsift.schemas import Stage

_AHEAD = 2  # batches a core that are under way: while the oldest is waited for, each core has its next


@dataclass(frozen=True)
class Verdict:
    """What is decided of a batch.

    Attributes:
        kept: the rows that are kept.
        rejected: ledger rows of the others.
        others: rows for the stage's further outputs, by tag.
    """

    kept: pa.RecordBatch
    rejected: pa.RecordBatch
    others: Mapping[str, pa.RecordBatch] = field(default_factory=dict)

    def with_rows(self, tag: str, rows: pa.RecordBatch) -> Verdict:
        """Returns the verdict with rows for a further output."""
        return replace(self, others={**self.others, tag: rows})


class DecideBatches(beam.DoFn):
    """Emits what `decide` makes of each batch, kept and REJECTED, in the order in which batches come.

    Counters: those of `emit`, and `<verb>_msec`, summed over threads.

    Args:
        stage: whose counters count the rows.
        verb: what `decide` does.
    """

    def __init__(self, stage: Stage, verb: str) -> None:
        self._stage = stage
        self._verb = verb

    def decide(self, batch: pa.RecordBatch) -> Verdict:
        """Returns what becomes of a batch's rows; called from several threads at once."""
        raise TypeError(f"{type(self).__name__} does not say how a batch is decided")

    def start_bundle(self) -> None:
        """Begins with nothing under way."""
        self._under_way: deque[tuple[int, Future[tuple[Verdict, float]]]] = deque()
        self._threads = _threads() if decides_ahead() else None

    def process(self, element: pa.RecordBatch) -> Iterator[object]:
        """Decides a batch here, or hands it to a thread and emits the oldest once enough are under way."""
        if self._threads is None:
            yield from self._emit(len(element), *self._timed(element))
            return
        self._under_way.append((len(element), self._threads.submit(self._timed, element)))
        if len(self._under_way) > _AHEAD * usable_cores():
            yield from self._emit_oldest()

    def finish_bundle(self) -> Iterator[object]:
        """Emits what is still under way."""
        while self._under_way:
            yield from map(at_bundle_end, self._emit_oldest())

    def _timed(self, batch: pa.RecordBatch) -> tuple[Verdict, float]:
        started = time.monotonic()
        return self.decide(batch), time.monotonic() - started

    def _emit_oldest(self) -> Iterator[object]:
        rows, deciding = self._under_way.popleft()
        yield from self._emit(rows, *deciding.result())

    def _emit(self, rows: int, verdict: Verdict, seconds: float) -> Iterator[object]:
        # Counted here: Beam's counters know the thread of the bundle alone.
        count(self._stage, f"{self._verb}_msec", round(1000 * seconds))
        for tag, batch in verdict.others.items():
            if len(batch):
                yield beam.pvalue.TaggedOutput(tag, batch)
        yield from emit(self._stage, rows, [verdict.kept], [verdict.rejected])


def decides_ahead() -> bool:
    """Returns whether batches are decided on all cores: elsewhere the runner has a worker a core already."""
    return current_parking() is not None and usable_cores() > 1


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(usable_cores(), thread_name_prefix="batches")


os.register_at_fork(after_in_child=_threads.cache_clear)  # a fork has none of the threads
