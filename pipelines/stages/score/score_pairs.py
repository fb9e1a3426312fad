"""Scoring: each surviving pair gets a cosine from each CLIP model; pairs that no model can read are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa

from babelsift.filters.clip import EmbeddingHead
from babelsift.pipelines.core.stage_outputs import emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.score.model_errors import UNSCORABLE, error_columns
from babelsift.pipelines.stages.score.models import Scorer, load_classifier, load_heads, load_scorer
from babelsift.pipelines.stages.score.shard_scoring import ReadImages
from babelsift.pipelines.staging.shards import read_staged_images
from babelsift.schemas import (
    DOWNLOAD_SCHEMA,
    Decision,
    Stage,
    check,
    score_schema,
    similarity_column,
)
from babelsift.schemas.recipe import ClipModel, Head


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
        if self.models or any(head.classifier is not None for head in self.heads):
            # It imports torch by way of Beam: seconds that a run without a model is spared.
            from babelsift.pipelines.stages.score.run_models import run_models

            batches = run_models(self, batches)
        models = tuple(str(model.name) for model in self.models)
        heads = tuple(head.name for head in self.heads)
        split = beam.FlatMap(split_unscorable, models, heads)
        return batches | "SplitUnscorable" >> kept_and_rejected(split)


def split_unscorable(
    batch: pa.RecordBatch, models: tuple[str, ...], heads: tuple[str, ...] = ()
) -> Iterator[pa.RecordBatch | beam.pvalue.TaggedOutput]:
    """Yields the rows that every model could score, without the errors, and as REJECTED the others."""
    check(batch, DOWNLOAD_SCHEMA, where="score")
    decision = Decision.keep_all(len(batch))
    for column in error_columns(batch):
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
