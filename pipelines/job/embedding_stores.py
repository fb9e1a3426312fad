"""Where the embeddings of a recipe's models lie in a run folder."""

from __future__ import annotations

from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.stages.score.models import CheckedModels
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.schemas import Recipe


def embedding_stores(folder: RunFolder, recipe: Recipe, models: CheckedModels) -> tuple[ScoreStore, ...]:
    """Returns the stores of the embeddings that a recipe writes beside its shards."""
    names = [str(model.name) for model in recipe.clip if model.keep_embeddings and recipe.shards.embeddings]
    return tuple(ScoreStore(folder, name, models.fingerprints[name]) for name in names)


def model_stores(folder: RunFolder, recipe: Recipe, models: CheckedModels) -> dict[str, ScoreStore]:
    """Returns the store of each of a recipe's models that is loaded, by the model's name."""
    names = [name for name in recipe.model_names if name in models.fingerprints]
    return {name: ScoreStore(folder, name, models.fingerprints[name]) for name in names}


def compared_stores(folder: RunFolder, recipe: Recipe, models: CheckedModels) -> dict[str, ScoreStore]:
    """Returns the stores of the embeddings that groups of a recipe compare, by the group's name."""
    compared = {group: name or recipe.model_names[0] for group, name in recipe.compared_models.items()}
    return {group: ScoreStore(folder, name, models.fingerprints[name]) for group, name in compared.items()}
