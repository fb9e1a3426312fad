"""The CLIP models a recipe scores with."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.recipe.numbers import PositiveInt
from schemas.settings import Settings


def model_slug(model: str, pretrained: str | None = None) -> str:
    """Returns a model's default column name: its last path part in lower case, other characters as underscores."""
    last = model.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    return re.sub(r"[^a-z0-9]+", "_", last.lower()).strip("_") or "model"


class ClipModel(Settings):
    """One CLIP model: an open_clip architecture and weights, a `hf-hub:` name, or a local folder or checkpoint."""

    model: Annotated[str, Field(min_length=1)]
    pretrained: str | None = None
    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")] | None = None
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        default="auto", description="auto: bf16 where the worker's GPU or CPU has it, fp16 on older GPUs, else fp32"
    )
    compiled: bool = Field(default=False, description="through torch.compile: minutes of start for faster passes")
    batch_size: PositiveInt = Field(default=256, description="halved where a device's memory is too small for it")
    device: str | None = Field(default=None, description="null: all GPUs where there are any, else the CPU")
    keep_embeddings: bool = True

    @model_validator(mode="before")
    @classmethod
    def _default_name(cls, values: object) -> object:
        if isinstance(values, dict) and values.get("name") is None and isinstance(values.get("model"), str):
            return {**values, "name": model_slug(values["model"])}
        return values
