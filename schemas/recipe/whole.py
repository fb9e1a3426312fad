"""The recipe as a whole: its groups of settings, and what must hold between them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from schemas.parts import PART_NAMES
from schemas.recipe.clip import ClipModel
from schemas.recipe.dedup import DecontaminateSettings, DedupImagesSettings, DedupPairsSettings
from schemas.recipe.download import DownloadSettings, ImageRules
from schemas.recipe.numbers import Count
from schemas.recipe.selection import SelectSettings, ShardSettings
from schemas.recipe.text import (
    CaptionEdits,
    CaptionRules,
    FrequencyRules,
    LanguageSettings,
    MetadataSettings,
    UrlRules,
)
from schemas.settings import Settings

PartName = Literal[PART_NAMES]  # type: ignore[valid-type]


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, dict) else value


class Recipe(Settings):
    """Every setting of a run. The order of the groups is the order in which a pair meets them."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")]
    description: str = ""
    requires: tuple[PartName, ...] = Field(default=(), description="parts without which the recipe does not run")
    omits: tuple[PartName, ...] = Field(default=(), description="parts of the published recipe that change no fate")
    seed: Count = 0
    caption_edits: CaptionEdits = CaptionEdits()
    captions: CaptionRules = CaptionRules()
    urls: UrlRules = UrlRules()
    language: LanguageSettings = LanguageSettings()
    frequency: FrequencyRules = FrequencyRules()
    metadata: MetadataSettings | None = None
    dedup_pairs: DedupPairsSettings = DedupPairsSettings()
    download: DownloadSettings = DownloadSettings()
    images: ImageRules = ImageRules()
    decontaminate: DecontaminateSettings = DecontaminateSettings()
    dedup_images: DedupImagesSettings = DedupImagesSettings()
    clip: Annotated[tuple[ClipModel, ...], Field(strict=False), BeforeValidator(_one_or_many)] = ()
    select: SelectSettings = SelectSettings()
    shards: ShardSettings = ShardSettings()

    @model_validator(mode="after")
    def _scores_exist(self) -> Recipe:
        names = [model.name for model in self.clip]
        if len(set(names)) < len(names):
            raise ValueError(f"clip: two models are both named {max(names, key=names.count)!r}; give each its own name")
        selects = [
            field
            for field in ("min_similarity", "top_fraction", "top_fraction_by_language")
            if getattr(self.select, field) is not None
        ]
        if selects and not names:
            raise ValueError(f"select.{selects[0]} needs a similarity, but the recipe has no clip model; add `clip:`")
        if self.select.model is not None and self.select.model not in names:
            raise ValueError(f"select.model {self.select.model!r} is not one of the clip models {names}")
        return self

    @property
    def model_names(self) -> tuple[str, ...]:
        """The names of the CLIP models, in order; the first decides unless `select.model` names another."""
        return tuple(model.name for model in self.clip)
