"""Resource hints reach the steps that score, and no others; read where a runner reads them, in the job's description."""

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.common_urns import resource_hints

from babelsift.pipelines.core.runners.placement import score_hints
from babelsift.pipelines.job.curate import Curate
from babelsift.pipelines.job.plan import plan_run
from babelsift.pipelines.run_folder.manifest import open_manifest
from babelsift.schemas import RecipeError, recipe_from

GPU = "type:nvidia-l4;count:1;install-nvidia-driver"


def steps_by_hint(tmp_path, *words):
    """Accelerator hint -> labels of the steps that have it."""
    pq.write_table(pa.table({"url": ["http://example.org/a.jpg"], "caption": ["a"]}), tmp_path / "pairs.parquet")
    recipe = recipe_from({"name": "x", "clip": {"model": "babelsift-demo"}}, source="test")
    options = PipelineOptions(list(words))
    plan = plan_run(recipe, [str(tmp_path / "pairs.parquet")], str(tmp_path / "out"), options=options)
    manifest = open_manifest(plan.folder, rows=1, rows_per_partition=10)
    pipeline = beam.Pipeline(options=options)
    _ = pipeline | "Curate" >> Curate(plan, plan.source, manifest)
    described = pipeline.to_runner_api().components
    hints = {key: env.resource_hints.get(resource_hints.ACCELERATOR.urn) for key, env in described.environments.items()}
    steps = {}
    for step in described.transforms.values():
        if step.environment_id and not step.subtransforms:
            steps.setdefault(hints[step.environment_id], set()).add(step.unique_name)
    return steps


def test_hints_are_those_of_the_steps_that_score(tmp_path):
    steps = steps_by_hint(tmp_path, f"--score_resource_hint=accelerator={GPU}")
    assert all(name.startswith("Curate/Score/") for name in steps[GPU.encode()])
    assert any("RunInference" in name or "Inference" in name for name in steps[GPU.encode()])
    assert not any(name.startswith("Curate/Score/") for name in steps[None])


def test_without_them_there_are_none(tmp_path):
    assert set(steps_by_hint(tmp_path)) == {None}


@pytest.mark.parametrize(
    ("word", "message"),
    [("min_ram", "is not NAME=VALUE"), ("colour=red", "--score_resource_hint: "), ("a=b", "min_ram")],
)
def test_a_hint_that_is_none_is_one_line(word, message):
    with pytest.raises(RecipeError, match=message):
        score_hints(PipelineOptions(["--score_resource_hint", word]))
