"""The models and heads that score, as a recipe names them: loading, and trying each before a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Protocol

import pyarrow as pa

from babelsift.filters.clip import ClipScorer, EmbeddingHead, NsfwClassifier, load_head, load_model
from babelsift.filters.cores import usable_cores
from babelsift.pipelines.stages.score.feed import DecodeProcesses
from babelsift.pipelines.staging.scores.head_vectors import KINDS_OF_VECTORS, head_vectors
from babelsift.schemas.recipe import ClipModel, Head

_DEMO_MODEL = "babelsift-demo"


class Scorer(Protocol):
    """What scoring needs of `babelsift.filters.clip.ClipScorer` or `babelsift.filters.clip.NsfwClassifier`."""

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
    return f"local-dir:{resources.files('babelsift.pipelines.demo').joinpath('clip')}"


# Scorers that were loaded to be checked before a run in this process, by their settings, until the run takes them.
_checked: dict[str, ClipScorer] = {}


def load_scorer(model: ClipModel) -> ClipScorer:
    """Returns the scorer that a recipe's CLIP model describes, the one that was checked where it was kept.

    Raises:
        ModelError: it cannot be loaded.
    """
    if (checked := _checked.pop(model.model_dump_json(), None)) is not None:
        return checked
    loaded = load_model(
        resolve_model(model.model),
        model.pretrained,
        device=model.device,
        precision=model.precision,
        compiled=model.compiled,
        remote_code=model.remote_code,
    )
    gpus = 1 + len(loaded.more_devices) if loaded.device.type == "cuda" else 0
    processes = decode_processes(gpus) if model.decode_processes is None else model.decode_processes
    # For each GPU two batches in flight and one that is decoded; and one more.
    decoders = DecodeProcesses(processes, model.batch_size, slabs=3 * max(1, gpus) + 1) if processes else None
    return ClipScorer.from_loaded(loaded, batch_size=model.batch_size, decoders=decoders)


def decode_processes(gpus: int) -> int:
    """Returns the processes that decode where a recipe does not say: three quarters of the cores; without a GPU none.

    Args:
        gpus: of the model.
    """
    return max(1, usable_cores() * 3 // 4) if gpus else 0


def load_classifier(head: Head) -> Scorer:
    """Returns the image classifier that a head names.

    Raises:
        ModelError: it cannot be loaded.
    """
    if head.classifier != "opennsfw":
        raise ValueError(f"head {head.name!r} is no classifier")
    return NsfwClassifier()


def classifier_model(head: Head) -> ClipModel:
    """Returns what a head's classifier is where models are stored and told apart."""
    return ClipModel(model=str(head.classifier), name=head.name, keep_embeddings=False)


def heads_of(model: ClipModel, models: Sequence[ClipModel], heads: Iterable[Head]) -> tuple[Head, ...]:
    """Returns the heads that read a model's embeddings; those that name no model read the first."""
    return tuple(
        head
        for head in heads
        if head.classifier is None and (head.model == model.name or (head.model is None and model is models[0]))
    )


def load_heads(heads: Iterable[Head], scorer: Any) -> dict[str, EmbeddingHead]:
    """Returns a scorer's heads by name, each tried on one embedding.

    Raises:
        ModelError, RecipeError: one of them does not score.
    """
    loaded = {}
    for head in heads:
        loaded[head.name] = load_head(head, embed_texts=scorer.embed_texts)
        parts = [scorer.embed_texts(["a photograph"])] * len(KINDS_OF_VECTORS[head.vectors])
        loaded[head.name].score(head_vectors(head.vectors, parts))
    return loaded


@dataclass(frozen=True)
class CheckedModels:
    """Models and heads that were loaded once and score.

    Attributes:
        descriptions: name of a model or head -> a line that says which it is.
        fingerprints: name of a CLIP model or classifier -> 64 hex digits over all that its scores depend on.
    """

    descriptions: Mapping[str, str] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)


def check_models(
    models: Sequence[ClipModel],
    heads: Sequence[Head] = (),
    *,
    load: Callable[[ClipModel], ClipScorer] = load_scorer,
    keep: bool = False,
) -> CheckedModels:
    """Returns which models and heads they are, after trying each once; meant to run before a job.

    Args:
        models: a recipe's.
        heads: a recipe's.
        load: loads a CLIP model; it is called once a model.
        keep: leave the models in memory for `load_scorer`, which a run in this process calls next.

    Raises:
        ModelError: a model or head cannot be loaded or gives no numbers.
        RecipeError: a head's list cannot be read.
    """
    descriptions, fingerprints = {}, {}
    for model in models:
        scorer, name = load(model), str(model.name)
        if keep:
            _checked[model.model_dump_json()] = scorer
        spelled = f"{model.model} {model.pretrained}" if model.pretrained else model.model
        descriptions[name], fingerprints[name] = f"{spelled}, {_described(scorer)}", scorer.fingerprint
        for head_name, loaded in load_heads(heads_of(model, models, heads), scorer).items():
            descriptions[head_name] = f"on the embeddings of {name}, fingerprint {loaded.fingerprint}"
    for head in heads:
        if head.classifier is not None:
            classifier = load_classifier(head)
            descriptions[head.name] = f"{head.classifier}, {_described(classifier)}"
            fingerprints[head.name] = classifier.fingerprint
    return CheckedModels(descriptions, fingerprints)


def _described(scorer: Scorer) -> str:
    info = scorer.info
    return (
        f"{info['precision']}, preprocessing {json.dumps(info['preprocessing'])}, "
        f"weights sha256 {info['weights_digest']}, fingerprint {scorer.fingerprint}"
    )
