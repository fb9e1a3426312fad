"""Fetching all models of a recipe, so that a run needs no network for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from babelsift.filters.clip import ClipScorer
from babelsift.filters.model_files import cached_bytes, describe_on_hub, fetch_model, find_model
from babelsift.pipelines.stages.columns.resolved import resolve
from babelsift.pipelines.stages.score.models import check_models, load_scorer
from babelsift.schemas import Recipe
from babelsift.schemas.recipe import ClipModel


@dataclass(frozen=True)
class FetchedModel:
    """A model of a recipe, which is on this machine now.

    Attributes:
        setting: that names it.
        name: folder, file or name on the hub.
        bytes: that were fetched for it; None: it was here.
    """

    setting: str
    name: str
    bytes: int | None = None


def fetch_models(recipe: Recipe) -> Iterator[FetchedModel]:
    """Yields each model of a recipe, once it is here and can be loaded.

    Raises:
        ModelError: one is not here and cannot be fetched; within ten seconds where there is no network.
        RecipeError: a column's kind or settings are wrong.
    """
    names = {name: column.name for column in recipe.columns for name in column.models.values() if name is not None}
    for name, column in names.items():
        if next(one for one in recipe.columns if one.name == column).by != "transformers":
            continue
        size = None
        if find_model(name) is None:
            model = describe_on_hub(name)
            fetch_model(model)
            size = model.bytes
        yield FetchedModel(f"columns.{column}", name, size)
    for resolved in resolve(recipe.made_columns):
        for source in resolved.sources:
            if resolved.column.by != "transformers":
                what = source.model or resolved.column.call or resolved.column.by
                yield FetchedModel(f"columns.{resolved.column.name}", what)
    fetched: dict[str, int] = {}

    def load(model: ClipModel) -> ClipScorer:
        before = cached_bytes()
        scorer = load_scorer(model)
        fetched[str(model.name)] = cached_bytes() - before
        return scorer

    check_models(recipe.clip, recipe.all_heads, load=load)
    for clip in recipe.clip:
        name = f"{clip.model} {clip.pretrained}" if clip.pretrained else clip.model
        yield FetchedModel(f"clip.{clip.name}", name, fetched[str(clip.name)] or None)
