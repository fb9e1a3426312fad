"""Model handlers of the score stage: what is not stored yet is read from staging, scored and stored, part by part."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from apache_beam.metrics import Metrics
from apache_beam.ml.inference.base import ModelHandler, PredictionResult

from babelsift.filters.clip import EmbeddingHead, result_schema
from babelsift.pipelines.core.batches import concat
from babelsift.pipelines.core.progress import Progress
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.score.models import Scorer, classifier_model, load_classifier, load_heads, load_scorer
from babelsift.pipelines.stages.score.shared_model import HeadedScorer, SharedModel, headed_scorer
from babelsift.pipelines.staging.pair_keys import with_uids_as_scored
from babelsift.pipelines.staging.score_store import PAIR_COLUMNS, PairKey, Score, ScoreStore
from babelsift.pipelines.staging.shards import read_staged_images
from babelsift.schemas import (
    Stage,
)
from babelsift.schemas.recipe import ClipModel, Head, Route

_LOG = logging.getLogger(__name__)
_ROWS_PER_READ = 256  # images read from a staging tar at once
ROWS_PER_PART = 2048  # pairs scored before they are stored: what an interruption can cost

ReadImages = Callable[[RunFolder, pa.RecordBatch], list[bytes]]


class ClipModelHandler(ModelHandler[pa.RecordBatch, PredictionResult, HeadedScorer | SharedModel]):
    """Scores batches of DOWNLOAD_SCHEMA rows of one staging shard each, those of them that are not stored yet.

    The inference of a batch has a row for each of its rows: `filters.clip.result_schema`, then a float32 column a head.
    Bad pairs are rows of it with an error, never exceptions, which would cost RunInference the whole batch. Rows whose
    language the route does not take have neither score nor error.

    Args:
        load, load_head_scorers, read: how the model, its heads and the images come about, importable functions.
    """

    def __init__(
        self,
        folder: RunFolder,
        model: ClipModel,
        *,
        route: Route = Route(),  # noqa: B008 (frozen)
        heads: Sequence[Head] = (),
        load: Callable[[ClipModel], Scorer] = load_scorer,
        load_head_scorers: Callable[[Sequence[Head], Scorer], Mapping[str, EmbeddingHead]] = load_heads,
        read: ReadImages = read_staged_images,
        rows_per_part: int = ROWS_PER_PART,
    ) -> None:
        super().__init__(min_batch_size=1, max_batch_size=1, large_model=model.one_copy)
        self._folder = folder
        self._name = str(model.name)
        self._settings = model
        self._route = route
        self._heads = tuple(heads)
        self._load = load
        self._load_head_scorers = load_head_scorers
        self._read = read
        self._rows_per_part = rows_per_part

    def load_model(self) -> HeadedScorer | SharedModel:
        """Returns the scorer, loaded; RunInference shares it within a process, or within a machine with `one_copy`."""
        scorer = self._load(self._settings)
        model = HeadedScorer(scorer, self._load_head_scorers(self._heads, scorer) if self._heads else {})
        return SharedModel(model) if self._settings.one_copy else model

    def run_inference(
        self,
        batch: Sequence[pa.RecordBatch],
        model: HeadedScorer | SharedModel,
        inference_args: dict[str, Any] | None = None,
    ) -> Iterator[PredictionResult]:
        """Yields a prediction for each batch of rows, in order."""
        scorer = headed_scorer(model, self._settings.batch_size)
        for rows in batch:
            yield PredictionResult(rows, self._scores(rows, scorer), self._name)

    def model_tag(self) -> str:
        """Returns what tells the model from others of the machine, where one copy of it is shared."""
        parts = (self._folder.url, self._settings, self._heads)
        return f"{self._name}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}"

    def get_num_bytes(self, batch: Sequence[pa.RecordBatch]) -> int:
        """Returns the bytes of the rows; Beam's own measure pickles them."""
        return sum(rows.nbytes for rows in batch)

    def get_metrics_namespace(self) -> str:
        """Returns the stage's counter namespace."""
        return Stage.SCORE.value

    def set_environment_vars(self) -> None:
        """Runs in each worker before a model is loaded."""
        super().set_environment_vars()
        logging.getLogger().addFilter(_is_not_about_memory)

    def _scores(self, rows: pa.RecordBatch, model: HeadedScorer) -> pa.RecordBatch:
        scorer = model.scorer
        rows = with_uids_as_scored(rows)
        store = ScoreStore(self._folder, self._name, scorer.fingerprint, self._settings.keep_embeddings)
        store.describe(scorer.info)
        keys = list(zip(*(rows.column(name).to_pylist() for name in PAIR_COLUMNS), strict=True))
        taken = [self._route.takes(language) for language in rows.column("language").to_pylist()]
        shards = [shard if take else None for shard, take in zip(rows["staging_shard"].to_pylist(), taken, strict=True)]
        offsets = rows.column("image_offset").to_pylist()
        found: dict[PairKey, Score] = {}
        of_heads: dict[str, dict[PairKey, float | None]] = {name: {} for name in model.heads}
        for shard in sorted({shard for shard in shards if shard is not None}):
            known = store.scores(shard)
            missing = {key: row for row, key in enumerate(keys) if shards[row] == shard and key not in known}
            started = time.monotonic()
            # In the order in which they lie in the tar, so that what is read is read forwards.
            order = sorted(missing.values(), key=offsets.__getitem__)
            self._score_and_store(shard, rows.take(pa.array(order, pa.int64())), scorer, store)
            if order:
                known = store.scores(shard)
            self._report(shard, shards.count(shard), len(order), time.monotonic() - started)
            found |= known
            for name, head in model.heads.items():
                scores, computed = store.head_scores(shard, f"{name}-{head.fingerprint[:8]}", head.score)
                of_heads[name] |= scores
                Metrics.counter(Stage.SCORE.value, "head_scored_rows").inc(computed)
        outcome = [found[key] if take else (None, None) for key, take in zip(keys, taken, strict=True)]
        columns = {"similarity": [similarity for similarity, _ in outcome], "error": [error for _, error in outcome]}
        for name, scores in of_heads.items():
            columns[name] = [scores[key] if take else None for key, take in zip(keys, taken, strict=True)]
        head_fields = [pa.field(name, pa.float32()) for name in of_heads]
        return pa.RecordBatch.from_pydict(columns, schema=pa.schema([*result_schema(), *head_fields]))

    def _score_and_store(self, shard: int, rows: pa.RecordBatch, scorer: Scorer, store: ScoreStore) -> None:
        stored, pending = 0, []
        progress = Progress(f"score {self._name}: shard {shard:05d}", "pairs")
        for result in scorer.score_stream(self._pairs(rows), embeddings=store.keep_embeddings):
            pending.append(result)
            progress.add(len(result))
            scored = sum(len(one) for one in pending)
            if scored >= self._rows_per_part or stored + scored == len(rows):
                store.add(shard, rows.slice(stored, scored), concat(pending))
                stored, pending = stored + scored, []

    def _pairs(self, rows: pa.RecordBatch) -> Iterator[tuple[bytes, str]]:
        """Yields image bytes and captions; the scorer pulls them on a thread of its own, ahead of the model."""
        for start in range(0, len(rows), _ROWS_PER_READ):
            chunk = rows.slice(start, _ROWS_PER_READ)
            yield from zip(self._read(self._folder, chunk), chunk.column("caption").to_pylist(), strict=True)

    def _report(self, shard: int, rows: int, scored: int, seconds: float) -> None:
        name = self._name
        Metrics.counter(Stage.SCORE.value, "scored_rows").inc(scored)
        Metrics.counter(Stage.SCORE.value, "reused_rows").inc(rows - scored)
        Metrics.counter(Stage.SCORE.value, "score_msec").inc(int(seconds * 1000))
        if scored:
            pace = f"{scored} pairs in {seconds:.1f} s ({scored / max(seconds, 1e-3):.0f} pairs/s)"
            _LOG.info("score %s: shard %05d: %s, %d reused", name, shard, pace, rows - scored)
        else:
            _LOG.info("score %s: shard %05d: %d pairs reused", name, shard, rows)


class ClassifierHandler(ClipModelHandler):
    """Scores rows with an image classifier as `ClipModelHandler` does with a model; it has no embeddings.

    Args:
        load, read: as there.
    """

    def __init__(
        self,
        folder: RunFolder,
        head: Head,
        *,
        load: Callable[[Head], Scorer] = load_classifier,
        read: ReadImages = read_staged_images,
    ) -> None:
        super().__init__(folder, classifier_model(head), read=read)
        self._head = head
        self._load_classifier = load

    def load_model(self) -> HeadedScorer:
        """Returns the classifier, loaded; RunInference shares it within a process."""
        return HeadedScorer(self._load_classifier(self._head))


def _is_not_about_memory(record: logging.LogRecord) -> bool:
    """False for what Beam warns of twice a model: that it cannot measure memory where scipy is not installed."""
    return not str(record.msg).startswith("Resource module is not available")
