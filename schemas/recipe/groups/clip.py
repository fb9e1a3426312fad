"""The CLIP models a recipe scores with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from babelsift.schemas.recipe.groups.numbers import LanguageCode, PositiveInt
from babelsift.schemas.recipe.groups.settings import Settings

OTHERS = "others"
_Languages = Annotated[
    Annotated[tuple[LanguageCode, ...], Field(strict=False, min_length=1)] | Literal["others"] | None,
    Field(union_mode="left_to_right"),
]


def model_slug(model: str, pretrained: str | None = None) -> str:
    """Returns a model's default column name: the last name of its path in lower case, other characters as underscores.

    Args:
        model: an architecture, a hub name or a folder.
        pretrained: its weights; they are no part of the name.

    >>> model_slug("hf-hub:org/CLIP-big")
    'clip_big'
    """
    last = model.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    return re.sub(r"[^a-z0-9]+", "_", last.lower()).strip("_") or "model"


class ClipModel(Settings):
    """One CLIP model: an open_clip architecture and weights, a `hf-hub:` or `transformers:` name, a folder, a file.

    Attributes:
        model: an open_clip architecture, `hf-hub:org/name`, `transformers:org/name`, a local folder or checkpoint,
            `babelsift-demo`
        pretrained: the weights' tag or file, where the architecture needs one
        languages: of the pairs it scores; `others`: those that no other model names; null: all
        name: of its column, `similarity_<name>`; null: made from `model`
        precision: auto: bf16 where the worker's GPU or CPU has it, fp16 on older GPUs, else and for ResNets fp32; or
            one of these
        compiled: through torch.compile: minutes of start for faster passes
        batch_size: halved where a device's memory is too small for it
        device: null: all GPUs where there are any, else the CPU
        one_copy: a machine's worker processes share one copy, where there is no memory for one each
        decode_processes: that decode images; 0: threads do; null: 3/4 of the cores for GPUs, else 0
        remote_code: run the Python code that a `transformers:` model brings, with all that you may do
        keep_embeddings: store the vectors beside the scores; heads need them
    """

    model: Annotated[str, Field(min_length=1)]
    pretrained: str | None = None
    languages: _Languages = None
    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")] | None = None
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    compiled: bool = False
    batch_size: PositiveInt = 256
    device: str | None = None
    one_copy: bool = False
    decode_processes: Annotated[int, Field(ge=0)] | None = None
    remote_code: bool = False
    keep_embeddings: bool = True

    @model_validator(mode="before")
    @classmethod
    def _default_name(cls, values: object) -> object:
        if isinstance(values, dict) and values.get("name") is None and isinstance(values.get("model"), str):
            return {**values, "name": model_slug(values["model"])}
        return values


@dataclass(frozen=True)
class Route:
    """The languages of the pairs that a model scores: those in `only`, or all where it is None, but none in `but`."""

    only: frozenset[str] | None = None
    but: frozenset[str] = frozenset()

    def takes(self, language: str) -> bool:
        """Returns whether the model scores pairs of a language."""
        return language not in self.but and (self.only is None or language in self.only)


def routes(models: Sequence[ClipModel]) -> dict[str, Route]:
    """Returns each model's route by its name.

    Args:
        models: all models of a recipe.
    """
    named = frozenset(code for model in models if isinstance(model.languages, tuple) for code in model.languages)
    by_name = {}
    for model in models:
        if model.languages == OTHERS:
            by_name[str(model.name)] = Route(but=named)
        else:
            by_name[str(model.name)] = Route(only=None if model.languages is None else frozenset(model.languages))
    return by_name
