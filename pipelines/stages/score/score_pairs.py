"""Scoring: each surviving pair gets a cosine from each CLIP model; pairs that no model can read are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.ml.inference.base import PredictionResult, RunInference

from babelsift.filters.clip import EmbeddingHead
from babelsift.pipelines.core.stage_outputs import emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.score.model_handlers import ClassifierHandler, ClipModelHandler
from babelsift.pipelines.stages.score.models import Scorer, heads_of, load_classifier, load_heads, load_scorer
from babelsift.pipelines.stages.score.shard_scoring import ReadImages
from babelsift.pipelines.staging.shards import read_staged_images
from babelsift.schemas import (
    DOWNLOAD_SCHEMA,
    Decision,
    RejectReason,
    Stage,
    check,
    score_schema,
    similarity_column,
)
from babelsift.schemas.recipe import ClipModel, Head, routes


@dataclass
class ScorePairs(Transform):
    """Adds float32 columns, `similarity_<name>` a CLIP model and one a head; REJECTED: rows that cannot be scored.

    Takes batches of DOWNLOAD_SCHEMA and carried columns, the surviving rows of one staging shard each. Without models
    and heads batches pass through. Scores are null where a pair's language leads to another model.

    Attributes:
        load, load_head_scorers, read: see `ClipModelHandler`. load_classifiers: see `ClassifierHandler`.
    """

    folder: RunFolder
    models: tuple[ClipModel, ...]
    heads: tuple[Head, ...] = ()
    load: Callable[[ClipModel], Scorer] = load_scorer
    load_head_scorers: Callable[[Sequence[Head], Scorer], Mapping[str, EmbeddingHead]] = load_heads
    load_classifiers: Callable[[Head], Scorer] = load_classifier
    read: ReadImages = read_staged_images

    def __post_init__(self) -> None:
        super().__post_init__()
        names = [model.name for model in self.models] + [head.name for head in self.heads]
        if len(set(names)) < len(names):
            raise ValueError(f"each CLIP model and head needs a name of its own, found {names}")

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> Any:
        """Returns the outputs `kept` and REJECTED."""
        for name, handler in self._handlers():
            batches = (
                batches
                | f"Score_{name}" >> RunInference(handler, model_identifier=handler.model_tag())
                | f"AddScores_{name}" >> beam.Map(add_scores).with_output_types(pa.RecordBatch)
            )
        models = tuple(str(model.name) for model in self.models)
        heads = tuple(head.name for head in self.heads)
        split = beam.FlatMap(split_unscorable, models, heads)
        return batches | "SplitUnscorable" >> kept_and_rejected(split)

    def _handlers(self) -> Iterator[tuple[str, ClipModelHandler]]:
        where = routes(self.models)
        for model in self.models:
            name = str(model.name)
            heads = heads_of(model, self.models, self.heads)
            loads: dict[str, Any] = {"load": self.load, "load_head_scorers": self.load_head_scorers, "read": self.read}
            yield name, ClipModelHandler(self.folder, model, route=where[name], heads=heads, **loads)
        for head in self.heads:
            if head.classifier is not None:
                yield head.name, ClassifierHandler(self.folder, head, load=self.load_classifiers, read=self.read)


def add_scores(prediction: PredictionResult) -> pa.RecordBatch:
    """Returns the rows of a prediction with its scores and, until `split_unscorable`, the errors of its model."""
    rows: pa.RecordBatch = prediction.example
    scores: pa.RecordBatch = prediction.inference
    name = str(prediction.model_id)
    ours = {"similarity": similarity_column(name), "error": _error_column(name)}
    for found in scores.schema:
        rows = rows.append_column(found.with_name(ours.get(found.name, found.name)), scores.column(found.name))
    return rows


def split_unscorable(
    batch: pa.RecordBatch, models: tuple[str, ...], heads: tuple[str, ...] = ()
) -> Iterator[pa.RecordBatch | beam.pvalue.TaggedOutput]:
    """Yields the rows that every model could score, without the errors, and as REJECTED the others."""
    check(batch, DOWNLOAD_SCHEMA, where="score")
    decision = Decision.keep_all(len(batch))
    for column in [name for name in batch.schema.names if name.endswith(_ERROR) and name.startswith(_OWN)]:
        errors = batch.column(column).to_pylist()
        for start, reason in UNSCORABLE.items():
            wrong = [error is not None and error.startswith(start) for error in errors]
            decision.reject(wrong, reason, values=[error and error.removeprefix(start).strip() for error in errors])
        batch = batch.drop_columns([column])
    for head in heads:
        if similarity_column(head) in batch.schema.names:
            batch = batch.rename_columns(
                [head if one == similarity_column(head) else one for one in batch.schema.names]
            )
    kept, rejected = decision.split(batch, Stage.SCORE)
    yield from emit(Stage.SCORE, len(batch), [check(kept, score_schema(models, heads), where="score")], [rejected])


# How an error of a model begins: the reason that it is.
UNSCORABLE = {"image:": RejectReason.UNSCORABLE_IMAGE, "caption:": RejectReason.UNSCORABLE_CAPTION}


# A column's name that neither a stage nor a model nor an input can have: carried columns cannot begin like it.
_OWN, _ERROR = similarity_column(""), ".error"


def _error_column(name: str) -> str:
    return f"{_OWN}{name}{_ERROR}"
