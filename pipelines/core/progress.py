"""Progress of long work, as log lines: they reach a person's terminal here and a cluster's logs there."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from babelsift.pipelines.core.tally import DONE_ROWS, current_tally
from babelsift.schemas import Stage

_EVERY_S = 10.0


class Progress:
    """Counts how much work of one kind a process has done, and logs it every ten seconds where nothing shows the run.

    Args:
        what: the stage, as the line begins.
        unit: plural of what is counted.
        stage: whose work it is, for the tally.
        clock: seconds.
    """

    def __init__(self, what: str, unit: str, stage: Stage, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._unit = unit
        self._stage = stage
        self._clock = clock
        self._lock = threading.Lock()
        self._done = self._said = 0
        self._said_at = clock()

    def add(self, done: int) -> None:
        """Counts `done` more; may be called from several threads at once."""
        tally = current_tally()
        tally.add(self._stage.value, **{DONE_ROWS: done})
        with self._lock:
            self._done += done
            seconds = self._clock() - self._said_at
            if seconds < _EVERY_S:
                return
            pace = (self._done - self._said) / seconds
            self._said, self._said_at = self._done, self._clock()
            if not tally.is_shown:
                logging.info("%s: %s %s so far, %.0f a second", self._what, f"{self._done:,}", self._unit, pace)
