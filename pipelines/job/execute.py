"""Executes a plan, alone in its run folder."""

from __future__ import annotations

import logging
from dataclasses import replace

from babelsift.pipelines.core.parking import temporary_folder
from babelsift.pipelines.core.runners.run_job import run_job, runs_in_this_process
from babelsift.pipelines.core.tally import current_tally
from babelsift.pipelines.inputs.slices import InputPlan
from babelsift.pipelines.job.checks import check_input
from babelsift.pipelines.job.curate import Curate
from babelsift.pipelines.job.img2dataset_steps import download_by_img2dataset
from babelsift.pipelines.job.plan import LAST_TEXT_STAGE, RunPlan, runs_through
from babelsift.pipelines.job.record.decoders import with_own_decoders
from babelsift.pipelines.job.record.facts import facts_of
from babelsift.pipelines.job.record.receipt import finished_before, origin_of, write_receipt
from babelsift.pipelines.job.telling import run_told
from babelsift.pipelines.removal.listed import take_out_listed
from babelsift.pipelines.removal.swap import mend_swap
from babelsift.pipelines.run_folder.fingerprints import changes, input_files, stage_settings
from babelsift.pipelines.run_folder.finished_run import read_funnel
from babelsift.pipelines.run_folder.manifest import Manifest, open_manifest, save_manifest
from babelsift.pipelines.run_folder.paths import FUNNEL, RECIPE
from babelsift.pipelines.run_folder.replacement import with_held_product
from babelsift.pipelines.run_folder.writers.claim import claim_folder
from babelsift.pipelines.run_folder.writers.lock import RunLock
from babelsift.pipelines.stages.img2dataset_folder.scan import ImportShards, plan_imported_input
from babelsift.pipelines.stages.input_images.stage_images import StageInputImages, input_images_plan
from babelsift.pipelines.stages.survivors import survivors_folder
from babelsift.pipelines.staging.hash_lists import read_hash_lists
from babelsift.pipelines.staging.img2dataset.empty_shards import fill_gaps
from babelsift.pipelines.staging.inventory import check_downloads
from babelsift.pipelines.staging.scores.score_cleanup import remove_orphans
from babelsift.schemas import Funnel, Stage, dump_recipe


def execute(plan: RunPlan) -> Funnel:
    """Curates a plan's input into its run folder and returns the funnel.

    Raises:
        BabelsiftError: one of its kinds, with one line that names the remedy.
    """
    if (finished := finished_before(plan)) is not None:
        return finished
    with RunLock(plan.folder) as lock:
        check_downloads(plan.folder, plan.recipe.download, force=plan.force)  # another run may have worked here since
        plan = replace(plan, folder=claim_folder(plan.folder, lock.token)).with_removed()
        made_from = origin_of(plan)
        with run_told(plan):
            funnel = _execute(plan)
        write_receipt(plan.folder, made_from)
        return funnel


def _execute(plan: RunPlan) -> Funnel:
    mend_swap(plan.folder)
    if plan.distributor is not None and runs_through(Stage.DOWNLOAD, plan.until):
        plan = _downloaded_by_img2dataset(plan)
    plan = _import_images(plan)
    assert plan.source is not None
    if plan.recipe.download.hash_lists and plan.imported is None:
        lists = read_hash_lists(plan.recipe.download.hash_lists)
        take_out_listed(plan.folder, lists, discard_unhashed=plan.retry.unhashed)
    manifest = _begin(plan, plan.source)
    if plan.until is not None:
        return _execute_until(plan, plan.source, manifest, plan.until)
    run_job(Curate(plan, plan.source, manifest), "Curate", plan.options, plan.temp_dir)
    if plan.imported is None:
        rows, partitions = plan.source.estimated_rows, manifest.partitions
        fill_gaps(plan.folder, plan.recipe.download, rows=rows, partitions=partitions)
    funnel = read_funnel(plan.folder)
    assert funnel is not None  # the report wrote it
    return funnel.check()


def _downloaded_by_img2dataset(plan: RunPlan) -> RunPlan:
    """Runs the text side, whose survivors img2dataset downloads; returns the plan of the rest, which takes them."""
    assert plan.source is not None
    text_side = replace(plan, until=LAST_TEXT_STAGE)
    manifest = _begin(text_side, plan.source)
    _execute_until(text_side, plan.source, manifest, LAST_TEXT_STAGE)
    return download_by_img2dataset(plan, manifest)


def _execute_until(plan: RunPlan, source: InputPlan, manifest: Manifest, last: Stage) -> Funnel:
    """Runs the stages up to the last one; what an earlier run left of it goes first."""
    where = survivors_folder(last)
    plan.folder.remove(f"{where}/{FUNNEL}")
    for name in plan.folder.files_under(where):
        plan.folder.remove(name)
    run_job(Curate(plan, source, manifest), "Curate", plan.options, plan.temp_dir)
    return Funnel.from_json(plan.folder.read_json(where, FUNNEL)).check()


def _import_images(plan: RunPlan) -> RunPlan:
    """Imports the img2dataset folder, if there is one; its own pairs are the input where there is no other.

    Images that the input brings itself are staged, and then found as such a folder's are.
    """
    if plan.imported is None:
        if plan.source is None or not plan.source.holds_images:
            return plan
        run_job(
            StageInputImages(plan.folder, plan.recipe.download, plan.source, plan.removed),
            "StageInput",
            plan.options,
            plan.temp_dir,
        )
        imported = input_images_plan(plan.folder, plan.source)
        return replace(plan, imported=imported)
    run_job(ImportShards(plan.folder, plan.recipe.download, plan.imported), "Import", plan.options, plan.temp_dir)
    if plan.source is not None:
        return plan
    source = plan_imported_input(plan.folder, plan.imported)
    check_input(plan.recipe, source, plan.columns)
    return replace(plan, source=source)


def _begin(plan: RunPlan, source: InputPlan) -> Manifest:
    """Writes what a run writes first: the manifest, and into a folder without a product the recipe."""
    folder, recipe = plan.folder, plan.recipe
    current_tally().plan["rows"] = source.estimated_rows
    if runs_in_this_process(plan.options):
        temporary_folder(plan.temp_dir, source.estimated_rows).log()
    rows_per_partition = recipe.download.samples_per_staging_shard
    manifest = open_manifest(folder, rows=source.estimated_rows, rows_per_partition=rows_per_partition)
    manifest = with_own_decoders(with_held_product(folder, manifest))
    stages = stage_settings(recipe, input_files(file.path for file in source.files))
    if manifest.stages:
        for stage, lines in changes(manifest.stages, stages).items():
            logging.info("run folder: not as in the last run: %s: %s", stage, "; ".join(lines))
    manifest = save_manifest(folder, manifest, facts_of(plan, source, manifest.decoders), stages)
    if manifest.product is None:
        folder.write(RECIPE, dump_recipe(recipe).encode())
    remove_orphans(folder)
    return manifest
