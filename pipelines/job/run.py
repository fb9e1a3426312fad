"""Plans a run and executes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from babelsift.pipelines.job.plan import plan_run
from babelsift.schemas import Funnel, Recipe


def run(recipe: Recipe, inputs: Sequence[str], output: str, **settings: Any) -> Funnel:
    """Curates the input into the run folder `output` and returns the funnel.

    Args:
        recipe: the run's settings.
        inputs: globs of files, any fsspec URL.
        output: the run folder, any fsspec URL.
        settings: as `plan_run` takes them.

    Raises:
        BabelsiftError: one of its kinds, with one line that names the remedy.
    """
    plan = plan_run(recipe, inputs, output, **settings)

    from babelsift.pipelines.job.execute import execute  # all stages: a mistake in the settings need not wait for them

    return execute(plan)
