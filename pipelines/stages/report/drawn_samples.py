"""Drawn rows as the samples that a report shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from babelsift.pipelines.rendering import Sample
from babelsift.pipelines.rendering.veiled import are_veiled
from babelsift.pipelines.stages.report.draw_samples import NEAR
from babelsift.schemas import CAPTION_BEFORE, CAPTION_CHANGES, Recipe, Stage, similarity_column
from babelsift.schemas.recipe import model_for


def drawn_samples(drawn: Mapping[str, list], recipe: Recipe) -> Iterator[Sample]:
    """Yields the samples of drawn rows, still without images.

    Args:
        drawn: {group: [(draw, row)]}, of `SampleRows`.
        recipe: the run's.
    """
    for group in sorted(drawn):
        start, *bound = group.split(" ", 2)
        beside = (bound[0], bound[1]) if start == NEAR else None
        rows = [row for _, row in drawn[group]]
        for row, is_veiled in zip(rows, are_veiled(rows), strict=True):
            yield Sample(
                stage=row.get("stage", Stage.SHARD.value),
                reason=row.get("reason"),
                uid=row["uid"] or "",
                url=row["url"] or "",
                caption=row["caption"] or "",
                language=row.get("language"),
                value=row.get("value"),
                threshold=row.get("threshold"),
                similarity=_similarity(row, recipe),
                is_near=beside is not None,
                beside=beside,
                caption_before=row.get(CAPTION_BEFORE.name),
                edits=row.get(CAPTION_CHANGES.name),
                is_veiled=is_veiled,
            )


def _similarity(row: Mapping[str, Any], recipe: Recipe) -> float | None:
    model = model_for(recipe.select.model, row.get("language"), recipe.model_names)
    return None if model is None else row.get(similarity_column(model))
