"""Scores the rows of several staging shards as one stream of pairs, and stores what is not stored yet; needs no Beam.

Images are read ahead of the model by one thread, and parts are stored by another, so that neither keeps it waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

import pyarrow as pa

from babelsift.pipelines.core.progress import Progress
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.score.feed.read_ahead import ReadAhead
from babelsift.pipelines.stages.score.models import Scorer
from babelsift.pipelines.staging.pair_keys import with_uids_as_scored
from babelsift.pipelines.staging.scores.score_store import PAIR_COLUMNS, PairKey, ScoreStore
from babelsift.schemas import Stage
from babelsift.schemas.recipe import Route

ReadImages = Callable[[RunFolder, pa.RecordBatch], list[bytes]]

_ROWS_PER_READ = 256  # images read from a staging tar at once
_BYTES_PER_READ = 32 * 2**20
_READS_AHEAD = 2
_PARTS_AHEAD = 2  # that wait to be stored


@dataclass
class RoutedRows:
    """A batch's rows, and what of them a model is to score.

    Attributes:
        rows: DOWNLOAD_SCHEMA, with the uids under which scores are stored.
        keys: of each row.
        taken: whether the model scores a row.
    """

    rows: pa.RecordBatch
    keys: list[PairKey]
    taken: list[bool]

    @classmethod
    def of(cls, rows: pa.RecordBatch, route: Route) -> RoutedRows:
        """Returns a batch's rows.

        Args:
            rows: DOWNLOAD_SCHEMA.
            route: the languages that the model takes.
        """
        rows = with_uids_as_scored(rows)
        keys = list(zip(*(rows.column(name).to_pylist() for name in PAIR_COLUMNS), strict=True))
        return cls(rows, keys, [route.takes(language) for language in rows.column("language").to_pylist()])

    def shards(self) -> dict[int, list[int]]:
        """Returns the staging shards of the rows that are taken, in order, each with its rows."""
        found: dict[int, list[int]] = {}
        for row, (shard, is_taken) in enumerate(zip(self.rows["staging_shard"].to_pylist(), self.taken, strict=True)):
            if is_taken:
                found.setdefault(shard, []).append(row)
        return dict(sorted(found.items()))


@dataclass
class ShardWork:
    """The rows of one batch and staging shard.

    Attributes:
        shard: number.
        asked: how many rows there are.
        rows: those that are not stored yet, in the order in which their images lie in the tar.
        seconds: that scoring and storing them took, beside other shards'.
    """

    shard: int
    asked: int
    rows: pa.RecordBatch
    seconds: float = 0.0


@dataclass
class ShardScoring:
    """Scores rows of staging shards with one model.

    Attributes:
        folder: the run folder.
        store: where the model's scores lie.
        scorer: the model.
        read: reads images.
        rows_per_part: pairs scored before they are stored.
        clock: seconds.
    """

    folder: RunFolder
    store: ScoreStore
    scorer: Scorer
    read: ReadImages
    rows_per_part: int
    clock: Callable[[], float] = time.monotonic
    _planned: set[PairKey] = field(default_factory=set)

    def missing(self, batch: RoutedRows) -> list[ShardWork]:
        """Returns the shards of a batch with what of each is neither stored nor asked for already."""
        offsets = batch.rows.column("image_offset").to_pylist()
        works = []
        for shard, of_shard in batch.shards().items():
            known = self.store.scores(shard)
            rows = {batch.keys[row]: row for row in of_shard}
            new = [row for key, row in rows.items() if key not in known and key not in self._planned]
            self._planned.update(batch.keys[row] for row in new)
            # In the order in which they lie in the tar, so that what is read is read forwards.
            order = pa.array(sorted(new, key=offsets.__getitem__), pa.int64())
            works.append(ShardWork(shard, len(of_shard), batch.rows.take(order)))
        return works

    def score(self, works: Sequence[ShardWork]) -> None:
        """Scores the rows of shards as one stream, and stores them part by part.

        Raises:
            BabelsiftError: images cannot be read, the model gives no numbers, or parts cannot be stored. All parts that
                were complete by then are stored.
        """
        wanted = [work for work in works if len(work.rows)]
        if not wanted:
            return
        with ThreadPoolExecutor(1, "store-scores") as writer, closing(self._chunks(wanted)) as chunks:
            results = self.scorer.score_stream(_pairs(chunks), embeddings=self.store.keep_embeddings)
            parts = _Parts(self._rows_of_a_part(), results)
            waiting: list[Future[None]] = []
            try:
                for work in wanted:
                    waiting = self._store(work, parts, writer, waiting)
            finally:
                getattr(results, "close", lambda: None)()  # before what it reads from
            for stored in waiting:
                stored.result()

    def _store(
        self, work: ShardWork, parts: _Parts, writer: ThreadPoolExecutor, waiting: list[Future[None]]
    ) -> list[Future[None]]:
        """Hands a shard's parts to the writer, as they are scored; returns those that it may not have stored yet."""
        started = self.clock()
        progress = Progress(f"score {self.store.name}: shard {work.shard:05d}", "pairs", Stage.SCORE)
        for start, part in parts.of(len(work.rows)):
            waiting.append(writer.submit(self.store.add, work.shard, work.rows.slice(start, len(part)), part))
            progress.add(len(part))
            while len(waiting) > _PARTS_AHEAD:
                waiting.pop(0).result()
        work.seconds = self.clock() - started
        return waiting

    def _rows_of_a_part(self) -> int:
        """A part is of whole batches of the scorer."""
        batch = int(getattr(self.scorer, "batch_size", 1))
        return -(-self.rows_per_part // batch) * batch

    def _chunks(self, works: Sequence[ShardWork]) -> ReadAhead[list[tuple[bytes, str]]]:
        return ReadAhead(self._read(works), _READS_AHEAD)

    def _read(self, works: Sequence[ShardWork]) -> Iterator[list[tuple[bytes, str]]]:
        """Yields pairs of images and captions, as many at once as are read at once."""
        for work in works:
            for chunk in _readings(work.rows):
                captions = chunk.column("caption").to_pylist()
                yield list(zip(self.read(self.folder, chunk), captions, strict=True))


class _Parts:
    """Cuts a stream of results into parts, whose rows are those of shards and of no more than a part."""

    def __init__(self, rows: int, results: Iterator[pa.RecordBatch]) -> None:
        self._rows = rows
        self._results = results
        self._left: list[pa.RecordBatch] = []

    def of(self, rows: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Yields (index of the first row, results) of a shard's parts.

        Args:
            rows: of the shard.
        """
        for start in range(0, rows, self._rows):
            yield start, self._next(min(self._rows, rows - start))

    def _next(self, rows: int) -> pa.RecordBatch:
        while sum(map(len, self._left)) < rows:
            self._left.append(next(self._results))
        whole = pa.Table.from_batches(self._left).combine_chunks()
        self._left = whole.slice(rows).to_batches()
        (part,) = whole.slice(0, rows).combine_chunks().to_batches()
        return part


def _pairs(chunks: Iterator[list[tuple[bytes, str]]]) -> Iterator[tuple[bytes, str]]:
    for chunk in chunks:
        yield from chunk


def _readings(rows: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yields rows whose images are read at once: not many, and not large together."""
    start, size = 0, 0
    for row, image_size in enumerate(rows.column("image_size").to_pylist()):
        if row > start and (row - start == _ROWS_PER_READ or size + image_size > _BYTES_PER_READ):
            yield rows.slice(start, row - start)
            start, size = row, 0
        size += image_size
    if start < len(rows):
        yield rows.slice(start)
