"""A run as Python starts it: by plain values, those that the command takes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from babelsift.pipelines.inputs.columns import parse_columns
from babelsift.pipelines.inspection.finished import FinishedRun, open_run
from babelsift.pipelines.job.run import run
from babelsift.pipelines.recipes.presets import load_recipe
from babelsift.schemas import InputError, Recipe
from babelsift.schemas.suggestions import did_you_mean

_Place = str | os.PathLike[str]
_SETTINGS = ("staging", "retry_failed", "force", "allow_shrink", "temp_dir", "img2dataset")


def curate(
    recipe: Recipe | _Place,
    inputs: _Place | Sequence[_Place],
    output: _Place,
    *,
    changes: Sequence[str] = (),
    columns: str | None = None,
    options: PipelineOptions | Sequence[str] = (),
    **settings: Any,
) -> FinishedRun:
    """Curates the input into a run folder, going on where an interrupted run stopped; returns the finished run.

    Args:
        recipe: a preset's name, a YAML file, or a recipe.
        inputs: one glob or several: files, folders or any fsspec URL; none where `staging` is given.
        output: the run folder, any fsspec URL.
        changes: settings that the recipe has otherwise, `GROUP.SETTING=VALUE` each, as `--set` takes them.
        columns: of the pair, as `--columns` takes them; None: the first usual names that the input has.
        options: Beam's, for a cluster; none: in this process.
        settings: `staging`, `retry_failed`, `force`, `allow_shrink`, `temp_dir`, `img2dataset`, as `plan_run` takes
            them.

    Raises:
        BabelsiftError: one of its kinds, with one line that names the remedy.
    """
    _check(settings)
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(os.fspath(recipe), changes)
    elif changes:
        raise InputError("changes are of a preset or a YAML file; change the recipe itself")
    places = [inputs] if isinstance(inputs, (str, os.PathLike)) else inputs
    if not isinstance(options, PipelineOptions):
        options = PipelineOptions(list(options))
    choice = None if columns is None else parse_columns(columns)
    run(recipe, [os.fspath(place) for place in places], os.fspath(output), columns=choice, options=options, **settings)
    return open_run(os.fspath(output))


def _check(settings: dict[str, Any]) -> None:
    if "until" in settings:
        raise InputError("until leaves no finished run; `babelsift curate --until STAGE` writes its survivors")
    for name in settings:
        if name not in _SETTINGS:
            hint = did_you_mean(name, _SETTINGS, otherwise=f"there are {', '.join(_SETTINGS)}")
            raise InputError(f"curate has no setting {name!r}; {hint}")
