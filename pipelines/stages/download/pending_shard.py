"""The rows of one staging shard while they are downloaded: what is settled, by whichever thread, and what is not."""

from __future__ import annotations

import threading
from typing import Any

import pyarrow as pa

from babelsift.pipelines.fetch import Fetched
from babelsift.pipelines.stages.download.row_options import RowOptions, row_options
from babelsift.pipelines.staging.records import new_record
from babelsift.pipelines.staging.shards import StagingWriter
from babelsift.pipelines.staging.staged_rows import ShardTimes
from babelsift.schemas.recipe import DownloadSettings

_STALLS = 2


class ShardRows:
    """Rows that wait for their bodies; one thread waits for all of them, others settle them one by one.

    Args:
        rows: with uid, url and caption.
        writer: of the shard they will be in.
    """

    def __init__(self, rows: pa.RecordBatch, writer: StagingWriter, settings: DownloadSettings) -> None:
        self.writer = writer
        self.uids, self.urls, self.captions = (rows.column(name).to_pylist() for name in ("uid", "url", "caption"))
        self.options: list[RowOptions] = list(row_options(rows, settings))
        self._records: list[dict[str, Any]] = [{}] * len(rows)
        self._left = len(rows)
        self._fetch_s = self._process_s = 0.0
        self._in_hand = 0
        self._is_unanswered = [True] * len(rows)
        self._stalls = [0] * len(rows)
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        if not self._left:
            self._is_over.set()

    def record(self, row: int) -> dict[str, Any]:
        """Returns a row's record, of which nothing is known yet but the pair."""
        key = self.writer.key(row)
        return new_record(uid=self.uids[row], url=self.urls[row], caption=self.captions[row], key=key)

    def take_in_hand(self, row: int) -> bool:
        """Says that a row is answered and about to be settled; False where it need not be, since another has failed."""
        with self._lock:
            self._in_hand += self._error is None
            self._is_unanswered[row] = False
            return self._error is None

    def unanswered_at_stall(self, under_way: int) -> tuple[list[int], list[int]]:
        """Returns the rows that are not answered, where what fetches has stood still and they are lost with it.

        A row that was under way at two stalls may be what they come of.

        Args:
            under_way: how many of the rows, the first ones, may have been under way.
        Returns:
            (those to be asked for again, those under way for the second time).
        """
        with self._lock:
            unanswered = [row for row, is_unanswered in enumerate(self._is_unanswered) if is_unanswered]
            for row in unanswered[:under_way]:
                self._stalls[row] += 1
            again = [row for row in unanswered if self._stalls[row] < _STALLS]
            return again, [row for row in unanswered if self._stalls[row] >= _STALLS]

    def settle(self, row: int, record: dict[str, Any], fetched: Fetched, process_s: float) -> None:
        """Says what became of a row that was taken in hand."""
        with self._lock:
            self._records[row] = record
            self._fetch_s += fetched.seconds
            self._process_s += process_s
            self._left -= 1
            self._in_hand -= 1
            self._look_whether_over()

    def fail_in_hand(self, error: BaseException) -> None:
        """Says that a row that was taken in hand cannot be settled, nor then the shard."""
        with self._lock:
            self._in_hand -= 1
        self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Says that the shard cannot be finished; the first error counts."""
        with self._lock:
            self._error = self._error or error
            self._look_whether_over()

    def wait(self) -> tuple[list[dict[str, Any]], ShardTimes]:
        """Waits until every row is settled, or one has failed and no other is in hand.

        Returns:
            (the records, in the rows' order; what it took).

        Raises:
            Exception: the error that a row failed with.
        """
        self._is_over.wait()
        if self._error is not None:
            raise self._error
        return self._records, ShardTimes(int(self._fetch_s * 1000), int(self._process_s * 1000))

    def _look_whether_over(self) -> None:
        if not self._left or (self._error is not None and not self._in_hand):
            self._is_over.set()
