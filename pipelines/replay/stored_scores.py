"""The scores that a finished run folder has, found by what a recipe says of its models and heads; none is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from babelsift.filters.clip import head_folder, load_head_of_files, prompts_fingerprint
from babelsift.pipelines.core.stage_outputs import emit, kept_and_rejected
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.score.model_errors import UNSCORABLE
from babelsift.pipelines.stages.score.models import classifier_model, heads_of
from babelsift.pipelines.staging.pair_keys import with_uids_as_scored
from babelsift.pipelines.staging.scores.score_store import (
    PAIR_COLUMNS,
    SCORES_FOLDER,
    PairKey,
    Score,
    ScoreEmbeddings,
    ScoreStore,
    read_model_info,
)
from babelsift.schemas import Decision, RejectReason, RunFolderError, Stage, similarity_column
from babelsift.schemas.recipe import ClipModel, Head, Route, routes
from babelsift.schemas.recipe.groups.heads import Vectors


@dataclass(frozen=True)
class StoredHead:
    """The scores of a head on a model's embeddings.

    Attributes:
        name: the head's, which is its column's.
        folder: the name of the head's folder in the model's score store.
        score: scores what it reads of stored embeddings; None: only stored scores are used.
        vectors: what it reads.
    """

    name: str
    folder: str
    score: ScoreEmbeddings | None = None
    vectors: Vectors = "image"


@dataclass(frozen=True)
class StoredModel:
    """The scores of a model or a classifier.

    Attributes:
        store: where they lie.
        column: the column that they fill.
        route: the languages whose pairs the model scores.
        heads: the heads on its embeddings.
    """

    store: ScoreStore
    column: str
    route: Route = Route()  # noqa: RUF009 (frozen)
    heads: tuple[StoredHead, ...] = ()


@dataclass
class StoredScores(Transform):
    """Replaces ScorePairs: adds the similarities and heads' scores that a run folder has, and loads no model.

    Pairs that a model should have scored and never did are REJECTED as not_stored. Scores are null where a route leads
    to another model.

    Attributes:
        models: the recipe's models in its order, then its classifiers.
    """

    models: tuple[StoredModel, ...]

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.pvalue.DoOutputsTuple:
        """Looks each batch up."""
        return batches | "LookUp" >> kept_and_rejected(beam.ParDo(_LookUpScores(self.models)))


class _LookUpScores(beam.DoFn):
    def __init__(self, models: tuple[StoredModel, ...]) -> None:
        self._models = models

    def process(self, element: pa.RecordBatch) -> Iterator[object]:
        decision = Decision.keep_all(len(element))
        scored = with_uids_as_scored(element)
        keys = list(zip(*(scored.column(name).to_pylist() for name in PAIR_COLUMNS), strict=True))
        shards = sorted(set(element.column("staging_shard").to_pylist()))
        languages = element.column("language").to_pylist()
        batch = element
        for model in self._models:
            taken = np.array([model.route.takes(language) for language in languages], bool)
            columns = {model.column: _similarities(model.store, shards, keys, taken, decision)}
            for head in model.heads:
                known: dict[PairKey, float | None] = {}
                for shard in shards:
                    known |= model.store.known_head_scores(shard, head.folder, head.score, head.vectors)
                columns[head.name] = _values(known, keys, taken, None)
                decision.reject(_unknown(known, keys, taken), RejectReason.NOT_STORED, values=head.name)
            for name, values in columns.items():
                batch = batch.append_column(pa.field(name, pa.float32()), pa.array(values, pa.float32()))
        kept, rejected = decision.split(batch, Stage.SCORE)
        yield from emit(Stage.SCORE, len(batch), [kept], [rejected])


def _similarities(
    store: ScoreStore, shards: Sequence[int], keys: Sequence[PairKey], taken: np.ndarray, decision: Decision
) -> list[float | None]:
    """Returns a model's column; rejects pairs that it never scored or could not score."""
    known: dict[PairKey, Score] = {}
    for shard in shards:
        known |= store.scores(shard)
    decision.reject(_unknown(known, keys, taken), RejectReason.NOT_STORED, values=store.name)
    outcome = _values(known, keys, taken, (None, None))
    errors = [error or "" for _, error in outcome]
    for start, reason in UNSCORABLE.items():
        wrong = np.array([error.startswith(start) for error in errors], bool)
        decision.reject(wrong, reason, values=[error.removeprefix(start).strip() for error in errors])
    return [similarity for similarity, _ in outcome]


def _unknown(known: Mapping[PairKey, Any], keys: Sequence[PairKey], taken: np.ndarray) -> np.ndarray:
    return taken & np.array([key not in known for key in keys], bool)


def _values(known: Mapping[PairKey, Any], keys: Sequence[PairKey], taken: np.ndarray, nothing: Any) -> list[Any]:
    return [known.get(key, nothing) if take else nothing for key, take in zip(keys, taken, strict=True)]


def find_scores(folder: RunFolder, models: Sequence[ClipModel], heads: Sequence[Head] = ()) -> tuple[StoredModel, ...]:
    """Returns where the scores of a recipe's models and heads lie in a run folder.

    Models are found by name, model, weights and precision, heads by name and fingerprint. Layers and clusters without
    stored scores are read from their files, and run on stored embeddings.

    Args:
        folder: the run folder.
        models: the recipe's.
        heads: the recipe's.

    Raises:
        RunFolderError: a model or a head of texts was never scored there; names those that were.
        ModelError, RecipeError: a head's file or list cannot be read.
    """
    stored, where = _stored_models(folder), routes(models)
    scores = []
    for model in models:
        store = _store_of(folder, model, stored)
        on_it = tuple(_stored_head(store, head) for head in heads_of(model, models, heads))
        scores.append(StoredModel(store, similarity_column(str(model.name)), where[str(model.name)], on_it))
    for head in heads:
        if head.classifier is not None:
            scores.append(StoredModel(_store_of(folder, classifier_model(head), stored), head.name))
    return tuple(scores)


def _stored_head(store: ScoreStore, head: Head) -> StoredHead:
    if (head_of_files := load_head_of_files(head)) is not None:
        folder = head_folder(head, head_of_files.fingerprint)
        return StoredHead(head.name, folder, head_of_files.score, head.vectors)
    if head.prompts is None:
        raise ValueError(f"head {head.name!r} takes images, not embeddings")
    name = head_folder(head, prompts_fingerprint(head.prompts, setting=f"heads.{head.name}.prompts"))
    stored = store.folder.folders(f"{store.root}/heads")
    if name not in stored:
        raise RunFolderError(
            f"{store.folder.url}: the head {head.name!r} with these texts was never scored on {store.name!r} there; "
            f"stored: {', '.join(stored) or 'no heads'}; name one of those, or run `babelsift curate`"
        )
    return StoredHead(head.name, name)


def _stored_models(folder: RunFolder) -> list[Mapping[str, Any]]:
    infos: list[Mapping[str, Any]] = []
    for name in folder.folders(SCORES_FOLDER):
        info = read_model_info(folder, name)
        if info is not None and name.endswith("-" + info["fingerprint"][:8]):
            infos.append({"name": name[: -len("-" + info["fingerprint"][:8])], **info})
    return infos


def _store_of(folder: RunFolder, model: ClipModel, stored: list[Mapping[str, Any]]) -> ScoreStore:
    matches = [info for info in stored if info["name"] == model.name and _is_of(info, model)]
    if len(matches) == 1:
        return ScoreStore(folder, str(model.name), matches[0]["fingerprint"], keep_embeddings=False)
    if matches:
        kinds = ", ".join(sorted({str(info.get("precision")) for info in matches}))
        raise RunFolderError(
            f"{folder.path(SCORES_FOLDER)}: {len(matches)} sets of scores are of {model.name!r} ({kinds}); "
            "name the precision, or remove those that are out of date"
        )
    names = ", ".join(f"{info['name']} ({info.get('model')}, {info.get('precision')})" for info in stored)
    raise RunFolderError(
        f"{folder.url}: the model {model.name!r} ({model.model}, {model.precision}) was never scored there; "
        f"stored: {names or 'no scores'}; name one of those, or run `babelsift curate`"
    )


def _is_of(info: Mapping[str, Any], model: ClipModel) -> bool:
    """Returns whether stored scores are a model's, by its names: no recipe says what local files held."""
    if model.precision not in ("auto", info.get("precision")):  # what auto came to is the scoring machine's matter
        return False
    weights = info.get("pretrained")
    if weights is not None and model.pretrained is not None and weights != model.pretrained:
        return False
    return str(info.get("model", "")).startswith("local-dir:") or info.get("model") == model.model
