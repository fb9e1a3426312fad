"""The stages that make a recipe's columns, as a run or a replay has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import apache_beam as beam

from babelsift.filters.counting import merge_column_counts
from babelsift.pipelines.core.stage_outputs import StageOutputs
from babelsift.pipelines.core.transform import single_element
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import Manifest
from babelsift.pipelines.stages.columns.early_conditions import COUNTS, PlacedConditions, place_conditions
from babelsift.pipelines.stages.columns.image_columns import ImageColumns
from babelsift.pipelines.stages.columns.resolved import ResolvedColumn
from babelsift.pipelines.stages.columns.text_columns import TextColumns
from babelsift.pipelines.staging.images import ReadImages, read_staged_images
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.schemas import Recipe, Stage


@dataclass(frozen=True)
class ColumnStages:
    """What a recipe's columns add to the stages.

    Attributes:
        placed: where conditions decide.
        made: TEXT_COLUMNS, IMAGE_COLUMNS -> their transforms; those that the recipe needs.
    """

    placed: PlacedConditions
    made: Mapping[Stage, beam.PTransform] = field(default_factory=dict)


def merged_column_counts(stages: Mapping[Stage, Any], beside: beam.PCollection) -> beam.PCollection[dict]:
    """Returns one {column: ColumnCounts} of all stages that count values.

    Args:
        stages: their outputs.
        beside: any collection of the same pipeline.
    """
    counted = [one[COUNTS] for one in stages.values() if isinstance(one, StageOutputs) and COUNTS in one]
    if not counted:
        return single_element(beside, "NoColumnCounts", {})
    together = tuple(counted) | "AllColumnCounts" >> beam.Flatten()
    return together | "ColumnCounts" >> beam.CombineGlobally(merge_column_counts)


def column_stages(
    folder: RunFolder,
    recipe: Recipe,
    columns: Sequence[ResolvedColumn],
    manifest: Manifest,
    *,
    read: ReadImages = read_staged_images,
    makes: bool = True,
    stores: Mapping[str, ScoreStore] = MappingProxyType({}),
) -> ColumnStages:
    """Returns the stages of a recipe's columns.

    Args:
        folder: the run folder.
        recipe: the run's settings.
        columns: the recipe's, with their makers.
        manifest: the run folder's.
        read: reads staged images.
        makes: whether what is not stored is made; if not, such rows are left out as not stored.
        stores: CLIP model -> where its embeddings lie; of none in a run that ends before they are read.
    """
    placed = place_conditions(recipe, columns)
    texts = tuple(one for one in columns if one.column.is_of_text)
    others = tuple(one for one in columns if not one.column.is_of_text)
    made: dict[Stage, beam.PTransform] = {}
    if texts:
        partitions, first = manifest.partitions, manifest.first_partitions
        made[Stage.TEXT_COLUMNS] = TextColumns(folder, texts, placed, partitions, first, makes=makes)
    if others:
        of_embeddings = {one.column.name: one.column.model for one in others if one.column.of == "embedding"}
        models = {name: str(model or recipe.model_names[0]) for name, model in of_embeddings.items()}
        used = {name: stores[model] for name, model in models.items() if model in stores}
        made[Stage.IMAGE_COLUMNS] = ImageColumns(folder, others, placed, read=read, makes=makes, stores=used)
    return ColumnStages(placed, made)
