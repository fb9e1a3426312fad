"""A share of a run's downloads and scores, staged beside others' in one run folder.

    curate --until dedup_pairs      one process: makes the folder, with its partitions
    curate --share 0/8 ... 7/8      eight processes at once, wherever they are: each stages what its partitions want
    curate                          one process: finds all staged, and goes on to the shards

Shares commit in the epoch of the run that made the folder: a later run ends them, as it ends any writer of before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import apache_beam as beam

from babelsift.pipelines.core.runners.run_job import run_job
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.job.curate import Curate
from babelsift.pipelines.job.plan import LAST_TEXT_STAGE, RunPlan, plan_run
from babelsift.pipelines.run_folder.fence import read_fence
from babelsift.pipelines.run_folder.fingerprints import changes, fingerprints, input_files, stage_settings
from babelsift.pipelines.run_folder.manifest import Manifest, read_manifest
from babelsift.pipelines.stages.survivors import are_survivors
from babelsift.pipelines.staging.share import Share
from babelsift.schemas import Recipe, RecipeError, RunFolderError, Stage


@dataclass
class StageShare(Transform):
    """The job from what came through the text stages up to scoring; its only outcome is what it stages."""

    plan: RunPlan
    manifest: Manifest
    share: Share

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        """The list of steps."""
        assert self.plan.source is not None
        return Curate(self.plan, self.plan.source, self.manifest, self.share).stages(pbegin)[Stage.SCORE]["kept"]


def stage_share(recipe: Recipe, inputs: Sequence[str], output: str, share: Share, **settings: Any) -> None:
    """Downloads and scores what a share's partitions want.

    Args:
        recipe: the run's settings.
        inputs: globs of files, any fsspec URL.
        output: the run folder, which `curate --until dedup_pairs` has made.
        share: of the staging partitions.
        settings: as `plan_run` takes them.

    Raises:
        BabelsiftError: one of its kinds, with one line that names the remedy.
    """
    if settings.get("until") is not None or settings.get("staging") or settings.get("img2dataset"):
        raise RecipeError("--share: stages what our own client downloads; leave out --until, --staging, ...")
    plan = plan_run(recipe, inputs, output, **settings | {"until": Stage.SCORE})
    plan, manifest = _joined(plan)
    run_job(StageShare(plan, manifest, share), "Share", plan.options, plan.temp_dir)


def _joined(plan: RunPlan) -> tuple[RunPlan, Manifest]:
    """Returns the plan with the folder in the epoch of the run that made it, and the folder's manifest.

    Raises:
        RunFolderError: no run has made it, or by other settings.
        RecipeError: the input brings its images.
    """
    fence, manifest = read_fence(plan.folder.store), read_manifest(plan.folder)
    remedy = f"run the same command with --until {LAST_TEXT_STAGE.value} in the place of --share first, once"
    if fence is None or manifest is None:
        raise RunFolderError(f"--output {plan.folder.url}: no run has made the folder; {remedy}")
    assert plan.source is not None
    if plan.source.holds_images:
        raise RecipeError("--share: the input brings its images, nothing is downloaded; leave it out")
    stages = stage_settings(plan.recipe, input_files(file.path for file in plan.source.files))
    if differing := changes(manifest.stages, stages):
        raise RunFolderError(
            f"--output {plan.folder.url}: was made with other settings of {', '.join(differing)}; {remedy}"
        )
    if not are_survivors(plan.folder, LAST_TEXT_STAGE, fingerprints(stages)[LAST_TEXT_STAGE.value]):
        raise RunFolderError(f"--output {plan.folder.url}: no run has decided which pairs the shares want; {remedy}")
    return replace(plan, folder=replace(plan.folder, fence=fence)).with_removed(), manifest
