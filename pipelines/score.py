"""Scoring: each surviving pair gets a cosine from each CLIP model; pairs that no model can read are left out."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Protocol

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.metrics import Metrics
from apache_beam.ml.inference.base import ModelHandler, PredictionResult, RunInference

from filters.clip import ClipScorer, check_model, result_schema
from filters.identity import compute_uids
from pipelines.batches import REJECTED, concat, emit
from pipelines.progress import Progress
from pipelines.run_folder import RunFolder
from pipelines.score_store import PAIR_COLUMNS, ScoreStore
from pipelines.staging import read_staged_images
from schemas import (
    CAPTION_CHANGES,
    DOWNLOAD_SCHEMA,
    Decision,
    RejectReason,
    Stage,
    check,
    score_schema,
    similarity_column,
)
from schemas.recipe import ClipModel

_LOG = logging.getLogger(__name__)
_DEMO_MODEL = "babelsift-demo"
_ROWS_PER_READ = 256  # images read from a staging tar at once
_ROWS_PER_PART = 2048  # pairs scored before they are stored: what an interruption can cost

ReadImages = Callable[[RunFolder, pa.RecordBatch], list[bytes]]


class Scorer(Protocol):
    """What scoring needs of `filters.clip.ClipScorer`."""

    @property
    def fingerprint(self) -> str:
        """Hex digits over all that its scores depend on."""

    @property
    def info(self) -> Mapping[str, Any]:
        """What the fingerprint is made of."""

    def score_stream(
        self, pairs: Iterable[tuple[bytes | None, str | None]], *, embeddings: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Yields results for the pairs, in order."""


def resolve_model(name: str) -> str:
    """Returns where a model's name points: `babelsift-demo` to the one that ships in this package, others to itself."""
    if name != _DEMO_MODEL:
        return name
    return f"local-dir:{resources.files('pipelines.demo').joinpath('clip')}"


def load_scorer(model: ClipModel) -> ClipScorer:
    """Returns the scorer that a recipe's CLIP model describes.

    Raises: ModelError: it cannot be loaded.
    """
    return ClipScorer(
        resolve_model(model.model),
        model.pretrained,
        device=model.device,
        batch_size=model.batch_size,
        precision=model.precision,
        compiled=model.compiled,
    )


def check_models(models: Iterable[ClipModel]) -> dict[str, str]:
    """Returns name -> a line that says which model it is, after loading each once; meant to run before a job.

    Raises: ModelError: one of them cannot be loaded or gives no numbers.
    """
    described = {}
    for model in models:
        options = {"device": model.device, "precision": model.precision, "compiled": model.compiled}
        found = check_model(resolve_model(model.model), model.pretrained, **options)
        named = f"{model.model} {model.pretrained}" if model.pretrained else model.model
        described[model.name] = (
            f"{named}, {found['precision']}, preprocessing {json.dumps(found['preprocessing'])}, "
            f"weights sha256 {found['weights_digest']}, fingerprint {found['fingerprint']}"
        )
    return described


class ClipModelHandler(ModelHandler[pa.RecordBatch, PredictionResult, Scorer]):
    """Scores batches of DOWNLOAD_SCHEMA rows of one staging shard each, those of them that are not stored yet.

    The inference of a batch is a `filters.clip.result_schema` batch with a row for each of its rows. Bad pairs are
    rows of it with an error, never exceptions, which would cost RunInference the whole batch.

    Args: load, read: how the model and the images come about, importable functions.
    """

    def __init__(
        self,
        folder: RunFolder,
        model: ClipModel,
        *,
        load: Callable[[ClipModel], Scorer] = load_scorer,
        read: ReadImages = read_staged_images,
    ) -> None:
        super().__init__(min_batch_size=1, max_batch_size=1)
        self._folder = folder
        self._settings = model
        self._load = load
        self._read = read

    def load_model(self) -> Scorer:
        """Returns the scorer, loaded; RunInference shares it within a process."""
        return self._load(self._settings)

    def run_inference(
        self, batch: Sequence[pa.RecordBatch], model: Scorer, inference_args: dict[str, Any] | None = None
    ) -> Iterator[PredictionResult]:
        """Yields a prediction for each batch of rows, in order."""
        for rows in batch:
            yield PredictionResult(rows, self._scores(rows, model), self._settings.name)

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

    def _scores(self, rows: pa.RecordBatch, scorer: Scorer) -> pa.RecordBatch:
        rows = with_uids_as_scored(rows)
        store = ScoreStore(self._folder, self._settings.name, scorer.fingerprint, self._settings.keep_embeddings)
        store.describe(scorer.info)
        keys = list(zip(*(rows.column(name).to_pylist() for name in PAIR_COLUMNS), strict=True))
        shards, offsets = rows.column("staging_shard").to_pylist(), rows.column("image_offset").to_pylist()
        found = {}
        for shard in sorted(set(shards)):
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
        outcome = [found[key] for key in keys]
        return pa.RecordBatch.from_pydict(
            {"similarity": [similarity for similarity, _ in outcome], "error": [error for _, error in outcome]},
            schema=result_schema(),
        )

    def _score_and_store(self, shard: int, rows: pa.RecordBatch, scorer: Scorer, store: ScoreStore) -> None:
        stored, pending = 0, []
        progress = Progress(f"score {self._settings.name}: shard {shard:05d}", "pairs")
        for result in scorer.score_stream(self._pairs(rows), embeddings=store.keep_embeddings):
            pending.append(result)
            progress.add(len(result))
            scored = sum(len(one) for one in pending)
            if scored >= _ROWS_PER_PART or stored + scored == len(rows):
                store.add(shard, rows.slice(stored, scored), concat(pending))
                stored, pending = stored + scored, []

    def _pairs(self, rows: pa.RecordBatch) -> Iterator[tuple[bytes, str]]:
        """Yields image bytes and captions; the scorer pulls them on a thread of its own, ahead of the model."""
        for start in range(0, len(rows), _ROWS_PER_READ):
            chunk = rows.slice(start, _ROWS_PER_READ)
            yield from zip(self._read(self._folder, chunk), chunk.column("caption").to_pylist(), strict=True)

    def _report(self, shard: int, rows: int, scored: int, seconds: float) -> None:
        name = self._settings.name
        Metrics.counter(Stage.SCORE.value, "scored_rows").inc(scored)
        Metrics.counter(Stage.SCORE.value, "reused_rows").inc(rows - scored)
        Metrics.counter(Stage.SCORE.value, "score_msec").inc(int(seconds * 1000))
        if scored:
            pace = f"{scored} pairs in {seconds:.1f} s ({scored / max(seconds, 1e-3):.0f} pairs/s)"
            _LOG.info("score %s: shard %05d: %s, %d reused", name, shard, pace, rows - scored)
        else:
            _LOG.info("score %s: shard %05d: %d pairs reused", name, shard, rows)


def with_uids_as_scored(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Returns rows with the uid that url and caption have now, where the recipe's edits changed the caption.

    Scores are stored by it: with other edits the same pair is scored anew, and all pairs left alone are not.
    """
    if CAPTION_CHANGES.name not in rows.schema.names:
        return rows
    place = rows.schema.get_field_index("uid")
    now = compute_uids(rows.column("url"), rows.column("caption"))
    uids = pc.if_else(rows.column(CAPTION_CHANGES.name).is_valid(), now, rows.column(place))
    return rows.set_column(place, rows.schema.field(place), uids)


@dataclass
class ScorePairs(beam.PTransform):
    """Adds one float32 column `similarity_<name>` a CLIP model; rows that cannot be scored go to REJECTED.

    Takes batches of DOWNLOAD_SCHEMA and carried columns, the surviving rows of one staging shard each. Without models
    batches pass through.

    Attributes:
        load, read: see `ClipModelHandler`.
    """

    folder: RunFolder
    models: tuple[ClipModel, ...]
    load: Callable[[ClipModel], Scorer] = load_scorer
    read: ReadImages = read_staged_images

    def __post_init__(self) -> None:
        super().__init__()
        names = [model.name for model in self.models]
        if len(set(names)) < len(names):
            raise ValueError(f"each CLIP model needs a name of its own, found {names}")

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> Any:
        """Returns the outputs `kept` and REJECTED."""
        for model in self.models:
            handler = ClipModelHandler(self.folder, model, load=self.load, read=self.read)
            batches = (
                batches
                | f"Score_{model.name}" >> RunInference(handler)
                | f"AddSimilarity_{model.name}" >> beam.Map(add_similarity).with_output_types(pa.RecordBatch)
            )
        names = tuple(model.name for model in self.models)
        return batches | "SplitUnscorable" >> beam.FlatMap(split_unscorable, names).with_outputs(REJECTED, main="kept")


def add_similarity(prediction: PredictionResult) -> pa.RecordBatch:
    """Returns the rows of a prediction with the similarity and, until `split_unscorable`, the error of its model."""
    rows, scores, name = prediction
    return rows.append_column(
        pa.field(similarity_column(name), pa.float32()), scores.column("similarity")
    ).append_column(pa.field(_error_column(name), pa.string()), scores.column("error"))


def split_unscorable(
    batch: pa.RecordBatch, names: tuple[str, ...]
) -> Iterator[pa.RecordBatch | beam.pvalue.TaggedOutput]:
    """Yields the rows that every model could score, without the errors, and as REJECTED the others."""
    check(batch, DOWNLOAD_SCHEMA, where="score")
    decision = Decision.keep_all(len(batch))
    for name in names:
        errors = batch.column(_error_column(name)).to_pylist()
        for start, reason in _REASONS.items():
            wrong = [error is not None and error.startswith(start) for error in errors]
            decision.reject(wrong, reason, values=[error and error.removeprefix(start).strip() for error in errors])
        batch = batch.drop_columns([_error_column(name)])
    kept, rejected = decision.split(batch, Stage.SCORE)
    yield from emit(Stage.SCORE, len(batch), [check(kept, score_schema(names), where="score")], [rejected])


_REASONS = {"image:": RejectReason.UNSCORABLE_IMAGE, "caption:": RejectReason.UNSCORABLE_CAPTION}


def _is_not_about_memory(record: logging.LogRecord) -> bool:
    """False for what Beam warns of twice a model: that it cannot measure memory where scipy is not installed."""
    return not str(record.msg).startswith("Resource module is not available")


def _error_column(name: str) -> str:
    """A column's name that neither a stage nor a model nor an input can have: carried columns cannot begin like it."""
    return f"{similarity_column(name)}.error"
