"""Heads: scores of images from their CLIP embeddings, by trained layers, clusters or texts; needs no torch."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable
from importlib import resources
from typing import Protocol

import fsspec
import numpy as np
import yaml

from babelsift.filters.clip.heads.clusters import ClustersHead
from babelsift.filters.strings.entry_lists import read_entries
from babelsift.schemas import ModelError, RecipeError, one_line
from babelsift.schemas.recipe import Head, HeadLayers, HeadPrompts

EmbedTexts = Callable[[list[str]], np.ndarray]


class EmbeddingHead(Protocol):
    """A score of each embedding."""

    @property
    def fingerprint(self) -> str:
        """64 hex digits over all that its scores depend on beside the embeddings."""

    def score(self, embeddings: np.ndarray) -> np.ndarray:
        """Returns float32[n] for float32[n, dimension] of unit length."""


def load_head(head: Head, *, embed_texts: EmbedTexts) -> EmbeddingHead:
    """Returns a head of layers, clusters or prompts.

    Args:
        head: its settings.
        embed_texts: of the CLIP model that the head reads: texts to float32[n, dimension] of unit length.

    Raises:
        ModelError: its file is missing, damaged or of another shape.
        RecipeError: a list of its texts cannot be read.
    """
    if (of_files := load_head_of_files(head)) is not None:
        return of_files
    if head.prompts is None:
        raise ValueError(f"head {head.name!r} takes images, not embeddings")
    return PromptsHead(head.prompts, embed_texts, setting=f"heads.{head.name}.prompts")


def head_folder(head: Head, fingerprint: str) -> str:
    """Returns the name of the folder that a head's scores lie in, by what its scores depend on.

    Args:
        head: its settings.
        fingerprint: of what is loaded of it.

    >>> head_folder(Head(name="a", layers={"file": "x"}, vectors="text"), "0" * 64)
    'a-text-00000000'
    """
    of = "" if head.vectors == "image" else f"{head.vectors}-"
    return f"{head.name}-{of}{fingerprint[:8]}"


def load_head_of_files(head: Head) -> EmbeddingHead | None:
    """Returns a head that needs nothing but its files and embeddings; None where it is of another kind.

    Args:
        head: the recipe's settings of it.

    Raises:
        ModelError: see `load_head`.
    """
    if head.layers is not None:
        return LayersHead(head.layers)
    return None if head.clusters is None else ClustersHead(head.clusters)


class LayersHead:
    """Linear layers over embeddings; see `HeadLayers`. An aesthetic, NSFW or watermark predictor, for example.

    Raises:
        ModelError: the file holds no such layers; names it and the fault.
    """

    def __init__(self, settings: HeadLayers) -> None:
        self._settings = settings
        content = _read(settings.file)
        tensors = _tensors_in(content, settings.file)
        self._mean, self._std = (tensors.pop(name, None) for name in ("mean", "std"))
        self._layers = _in_order(tensors, settings.file)
        outputs = len(self._layers[-1][0])
        if settings.output_index >= outputs:
            raise ModelError(f"head {settings.file}: has no output {settings.output_index}, it has {outputs}")
        identity = {"file": hashlib.sha256(content).hexdigest(), **settings.model_dump(mode="json", exclude={"file"})}
        self.fingerprint = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def score(self, embeddings: np.ndarray) -> np.ndarray:
        """See `EmbeddingHead`.

        Raises:
            ModelError: the head is for longer or shorter embeddings, or gives no number.
        """
        width = self._layers[0][0].shape[1]
        if embeddings.shape[1] != width:
            raise ModelError(
                f"head {self._settings.file}: is for embeddings of {width}, the model's are of {embeddings.shape[1]}; "
                "name the model that it was trained with"
            )
        values = embeddings
        if self._mean is not None:
            values = values - self._mean
        if self._std is not None:
            values = values / self._std
        for number, (weight, bias) in enumerate(self._layers):
            if number:
                values = _ACTIVATIONS[self._settings.activation](values)
            values = values @ weight.T + bias
        scores = _OUTPUTS[self._settings.output](values)[:, self._settings.output_index].astype(np.float32)
        if not np.isfinite(scores).all():
            wrong = np.count_nonzero(~np.isfinite(scores))
            raise ModelError(
                f"head {self._settings.file} gives no number for {wrong} of {len(scores)} images; copy it again"
            )
        return scores


class PromptsHead:
    """Scores how much nearer embeddings are to positive texts than to negative ones; see `HeadPrompts`."""

    def __init__(self, settings: HeadPrompts, embed_texts: EmbedTexts, *, setting: str = "prompts") -> None:
        settings, positive, negative = _texts_of(settings, setting)
        self.fingerprint = _digest_of(settings, positive, negative)
        self._settings = settings
        self._positive = len(positive)
        self._texts = embed_texts([*positive, *negative])
        if settings.nearest is not None and settings.nearest > len(self._texts):
            raise RecipeError(f"{setting}: nearest is {settings.nearest}, but there are {len(self._texts)} texts")

    def score(self, embeddings: np.ndarray) -> np.ndarray:
        """See `EmbeddingHead`."""
        cosines = embeddings @ self._texts.T
        if self._settings.nearest is not None:
            nearest = np.argsort(-cosines, axis=1, kind="stable")[:, : self._settings.nearest]
            return (nearest < self._positive).mean(axis=1, dtype=np.float32)
        return _softmax(self._settings.scale * cosines)[:, : self._positive].sum(axis=1, dtype=np.float32)


def prompts_fingerprint(settings: HeadPrompts, *, setting: str = "prompts") -> str:
    """Returns the fingerprint of a `PromptsHead`, which does not depend on its model.

    Args:
        settings: the head's texts.
        setting: the name of the setting, for errors.

    Raises:
        RecipeError: a list of texts cannot be read.
    """
    return _digest_of(*_texts_of(settings, setting))


def _texts_of(settings: HeadPrompts, setting: str) -> tuple[HeadPrompts, list[str], list[str]]:
    if settings.shipped is not None:
        settings = shipped_prompts(settings.shipped)
    lists = (settings.positive, settings.negative)
    positive, negative = (list(read_entries(entries, setting=setting)) for entries in lists)
    return settings, positive, negative


def _digest_of(settings: HeadPrompts, positive: list[str], negative: list[str]) -> str:
    identity = [positive, negative, settings.scale, settings.nearest]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


def shipped_prompts(name: str) -> HeadPrompts:
    """Returns a list of prompts that ships with this package.

    Args:
        name: of a file in `filters/clip/heads/prompts`.

    >>> shipped_prompts("laion400m-nsfw").nearest
    2
    """
    text = (
        resources.files("babelsift.filters.clip.heads").joinpath("prompts", f"{name}.yaml").read_text(encoding="utf-8")
    )
    return HeadPrompts(**yaml.safe_load(text))


def _read(file: str) -> bytes:
    try:
        with fsspec.open(file, "rb") as source:
            return source.read()
    except (OSError, ImportError, ValueError) as error:
        raise ModelError(f"head {file}: cannot be read: {one_line(error)}; name a safetensors file") from error


def _tensors_in(content: bytes, file: str) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return {name: tensor.astype(np.float32) for name, tensor in load(content).items()}
    except (SafetensorError, TypeError, KeyError, AttributeError, ValueError) as error:
        raise ModelError(
            f"head {file}: is not a safetensors file of float32 or float16 tensors ({one_line(error)}); "
            "save it with safetensors.torch.save_file"
        ) from error


def _in_order(tensors: dict[str, np.ndarray], file: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns (weight [outputs, inputs], bias [outputs]) of each layer."""
    weights = {}
    for name in tensors:
        if match := re.fullmatch(r"(?:.*?(\d+)\.)?(?:\w+\.)?weight", name):
            weights[int(match[1] or 0)] = name
    left = set(tensors) - set(weights.values()) - {name.removesuffix("weight") + "bias" for name in weights.values()}
    if not weights or left:
        raise ModelError(
            f"head {file}: holds {sorted(tensors)}; linear layers are <n>.weight and <n>.bias, or weight and bias alone"
        )
    layers: list[tuple[np.ndarray, np.ndarray]] = []
    for _, name in sorted(weights.items()):
        weight = np.atleast_2d(tensors[name])
        bias = tensors.get(name.removesuffix("weight") + "bias", np.zeros(len(weight), np.float32)).reshape(-1)
        before = len(layers[-1][0]) if layers else weight.shape[1]
        if weight.ndim != 2 or len(bias) != len(weight) or weight.shape[1] != before:
            raise ModelError(
                f"head {file}: {name} is {tuple(weight.shape)} with {len(bias)} biases after {before} values; "
                "its layers do not follow one another"
            )
        layers.append((weight, bias))
    return layers


def _as_they_are(values: np.ndarray) -> np.ndarray:
    return values


def _relu(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 0)


def _gelu(values: np.ndarray) -> np.ndarray:
    erf = np.vectorize(math.erf, otypes=[np.float32])
    return values * 0.5 * (1 + erf(values / math.sqrt(2)))


def _sigmoid(values: np.ndarray) -> np.ndarray:
    # The form whose exponential cannot overflow, of the two.
    small = np.exp(-np.abs(values))
    return np.where(values >= 0, 1, small) / (1 + small)


def _softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


_ACTIVATIONS = {"none": _as_they_are, "relu": _relu, "gelu": _gelu}
_OUTPUTS = {"none": _as_they_are, "sigmoid": _sigmoid, "softmax": _softmax}
