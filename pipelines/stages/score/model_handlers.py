"""Model handlers of the score stage: what is not stored yet is read from staging, scored and stored, part by part."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from apache_beam.ml.inference.base import ModelHandler, PredictionResult

from babelsift.filters.clip import EmbeddingHead, head_folder, result_schema
from babelsift.pipelines.core.counters import count
from babelsift.pipelines.core.tally import current_tally
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.progress.files import tell_from_worker
from babelsift.pipelines.stages.score.models import Scorer, classifier_model, load_classifier, load_heads, load_scorer
from babelsift.pipelines.stages.score.shard_scoring import ReadImages, RoutedRows, ShardScoring, ShardWork
from babelsift.pipelines.stages.score.shared_model import HeadedScorer, SharedModel, headed_scorer
from babelsift.pipelines.staging.scores.score_store import PairKey, Score, ScoreStore
from babelsift.pipelines.staging.shards import read_staged_images
from babelsift.schemas import (
    Stage,
)
from babelsift.schemas.recipe import ClipModel, Head, Route

_LOG = logging.getLogger(__name__)
SHARDS_AT_ONCE = 8  # batches that are scored as one stream, at whose end alone the model runs dry
ROWS_PER_PART = 2048  # pairs scored before they are stored: what an interruption can cost


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
        super().__init__(min_batch_size=SHARDS_AT_ONCE, max_batch_size=SHARDS_AT_ONCE, large_model=model.one_copy)
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
        """Yields a prediction for each batch of rows, in order; all of them are scored as one stream of pairs."""
        scorer = headed_scorer(model, self._settings.batch_size)
        yield from self._predictions(batch, scorer)

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
        tell_from_worker(self._folder, current_tally().to_json)
        logging.getLogger().addFilter(_is_not_about_memory)

    def _predictions(self, batch: Sequence[pa.RecordBatch], model: HeadedScorer) -> Iterator[PredictionResult]:
        scorer = model.scorer
        store = ScoreStore(self._folder, self._name, scorer.fingerprint, self._settings.keep_embeddings)
        store.describe(scorer.info)
        scoring = ShardScoring(self._folder, store, scorer, self._read, self._rows_per_part)
        routed = [RoutedRows.of(rows, self._route) for rows in batch]
        works = [scoring.missing(rows) for rows in routed]
        scoring.score([work for of_batch in works for work in of_batch])
        for rows, of_batch, original in zip(routed, works, batch, strict=True):
            yield PredictionResult(original, self._gathered(rows, of_batch, store, model.heads), self._name)

    def _gathered(
        self,
        batch: RoutedRows,
        works: Sequence[ShardWork],
        store: ScoreStore,
        heads: Mapping[str, EmbeddingHead],
    ) -> pa.RecordBatch:
        """Returns the stored scores of a batch's rows, in its order, and those of the heads, which are made now."""
        scores: dict[PairKey, Score] = {}
        of_heads: dict[str, dict[PairKey, float | None]] = {name: {} for name in heads}
        for work in works:
            scores |= store.scores(work.shard)
            self._report(work)
            for head in self._heads:
                name, loaded = head.name, heads[head.name]
                folder = head_folder(head, loaded.fingerprint)
                found, computed = store.head_scores(work.shard, folder, loaded.score, head.vectors)
                of_heads[name] |= found
                count(Stage.SCORE, "head_scored_rows", computed)
        wanted = list(zip(batch.keys, batch.taken, strict=True))
        outcome = [scores[key] if is_taken else (None, None) for key, is_taken in wanted]
        columns = {"similarity": [similarity for similarity, _ in outcome], "error": [error for _, error in outcome]}
        columns |= {name: [found[key] if take else None for key, take in wanted] for name, found in of_heads.items()}
        head_fields = [pa.field(name, pa.float32()) for name in of_heads]
        return pa.RecordBatch.from_pydict(columns, schema=pa.schema([*result_schema(), *head_fields]))

    def _report(self, work: ShardWork) -> None:
        name, scored, seconds = self._name, len(work.rows), work.seconds
        count(Stage.SCORE, "scored_rows", scored)
        count(Stage.SCORE, "reused_rows", work.asked - scored)
        count(Stage.SCORE, "score_msec", int(seconds * 1000))
        if scored:
            pace = f"{scored} pairs in {seconds:.1f} s ({scored / max(seconds, 1e-3):.0f} pairs/s)"
            _LOG.info("score %s: shard %05d: %s, %d reused", name, work.shard, pace, work.asked - scored)
        else:
            _LOG.info("score %s: shard %05d: %d pairs reused", name, work.shard, work.asked)


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
