"""Models over all batches: a step of Beam's RunInference each, which puts its scores beside the rows.

Beam's inference package imports torch, which takes seconds: import this module only where a model is to run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.ml.inference.base import PredictionResult, RunInference

from babelsift.pipelines.stages.score.model_errors import error_column
from babelsift.pipelines.stages.score.model_handlers import ClassifierHandler, ClipModelHandler
from babelsift.pipelines.stages.score.models import heads_of
from babelsift.schemas import similarity_column
from babelsift.schemas.recipe import routes


def run_models(stage: Any, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[pa.RecordBatch]:
    """Returns the batches with a column of scores and one of errors for each of a stage's models and classifiers.

    Args:
        stage: a `ScorePairs`, which imports this module.
        batches: of DOWNLOAD_SCHEMA.
    """
    for name, handler in _handlers(stage):
        batches = (
            batches
            | f"Score_{name}" >> RunInference(handler, model_identifier=handler.model_tag())
            | f"AddScores_{name}" >> beam.Map(add_scores).with_output_types(pa.RecordBatch)
        )
    return batches


def _handlers(stage: Any) -> Iterator[tuple[str, ClipModelHandler]]:
    where = routes(stage.models)
    for model in stage.models:
        name = str(model.name)
        heads = heads_of(model, stage.models, stage.heads)
        loads: dict[str, Any] = {"load": stage.load, "load_head_scorers": stage.load_head_scorers, "read": stage.read}
        yield name, ClipModelHandler(stage.folder, model, route=where[name], heads=heads, **loads)
    for head in stage.heads:
        if head.classifier is not None:
            yield head.name, ClassifierHandler(stage.folder, head, load=stage.load_classifiers, read=stage.read)


def add_scores(prediction: PredictionResult) -> pa.RecordBatch:
    """Returns the rows of a prediction with its scores and, until `split_unscorable`, the errors of its model."""
    rows: pa.RecordBatch = prediction.example
    scores: pa.RecordBatch = prediction.inference
    name = str(prediction.model_id)
    ours = {"similarity": similarity_column(name), "error": error_column(name)}
    for found in scores.schema:
        rows = rows.append_column(found.with_name(ours.get(found.name, found.name)), scores.column(found.name))
    return rows
