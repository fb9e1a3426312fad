"""Where the embeddings of a recipe's models lie in a run folder."""

from __future__ import annotations

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.score.models import load_scorer
from babelsift.pipelines.staging.score_store import ScoreStore
from babelsift.schemas import Recipe
from babelsift.schemas.recipe import ClipModel


def embedding_stores(folder: RunFolder, recipe: Recipe) -> tuple[ScoreStore, ...]:
    """Returns the stores of the embeddings that a recipe wants beside its shards; none where it wants none.

    Raises: ModelError: a model cannot be loaded.
    """
    models = [model for model in recipe.clip if model.keep_embeddings] if recipe.shards.embeddings else []
    return tuple(store_of(folder, model) for model in models)


def store_of(folder: RunFolder, model: ClipModel) -> ScoreStore:
    """Returns where the embeddings of a model lie.

    Raises: ModelError: it cannot be loaded.
    """
    return ScoreStore(folder, str(model.name), load_scorer(model).fingerprint)
