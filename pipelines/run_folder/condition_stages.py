"""At the end of which stage a condition of a recipe's `select` decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from babelsift.schemas import DOWNLOAD_SCHEMA, LANGUAGE_SCHEMA, READ_SCHEMA, Recipe, Stage
from babelsift.schemas.columns import FURTHER_IMAGE_COLUMNS
from babelsift.schemas.recipe import Column, Condition


def stage_of_column(column: Column) -> Stage:
    """Returns the stage that makes a recipe's column."""
    if column.is_of_text:
        return Stage.TEXT_COLUMNS
    return Stage.IMAGE_COLUMNS if column.head is None else Stage.SCORE


def condition_stages(recipe: Recipe, made: Mapping[str, Stage] | None = None) -> dict[str, Stage]:
    """Returns {column: stage} of the conditions of a recipe's `select`; those of rules inside it decide in SELECT.

    Args:
        recipe: the run's settings.
        made: what the recipe's columns give -> the stage that makes it; None, where no maker has been asked: what
            begins with a column's name is of it.
    """
    stages = dict.fromkeys(LANGUAGE_SCHEMA.names, Stage.LANGUAGE)
    of_download = [*DOWNLOAD_SCHEMA.names, *(field.name for field in FURTHER_IMAGE_COLUMNS)]
    stages |= {name: Stage.DOWNLOAD for name in of_download if name not in stages}
    stages |= dict.fromkeys(READ_SCHEMA.names, Stage.READ)
    stages |= dict.fromkeys(recipe.score_columns, Stage.SCORE)
    conditions = recipe.select.conditions
    stages |= _made_by_beginning(recipe, conditions) if made is None else made
    return {name: _stage(condition, stages.get(name, Stage.READ)) for name, condition in conditions.items()}


def _made_by_beginning(recipe: Recipe, names: Iterable[str]) -> dict[str, Stage]:
    columns = sorted(recipe.columns, key=lambda column: len(column.name))  # the longest name counts
    return {
        name: stage_of_column(column)
        for column in columns
        for name in names
        if name == column.name or name.startswith(f"{column.name}_")
    }


def _stage(condition: Condition, stage: Stage) -> Stage:
    if condition.at == "select":
        return Stage.SELECT
    return Stage.LANGUAGE if stage is Stage.READ and condition.languages else stage  # languages are not known before
