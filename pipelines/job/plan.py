"""The plan of a run: made by checking all that can be wrong, in order, before the first row is read."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from apache_beam.options.pipeline_options import PipelineOptions

from babelsift.pipelines.core.parking import temporary_folder
from babelsift.pipelines.core.runners.placement import score_hints
from babelsift.pipelines.core.runners.run_job import check_runner, runs_in_this_process
from babelsift.pipelines.inputs.columns import ColumnChoice, recipe_columns
from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.inputs.slices import InputPlan
from babelsift.pipelines.job.checks import (
    check_cluster,
    check_documents,
    check_faces,
    check_input,
    check_other_data,
    check_other_embeddings,
    check_parts,
    check_settings,
    check_source,
    check_text_languages,
    check_urls,
)
from babelsift.pipelines.job.embedding_stores import compared_stores
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.tombstones import (
    NO_TOMBSTONES,
    Tombstones,
    check_no_unfinished_removal,
    earlier_tombstones,
    read_tombstones,
)
from babelsift.pipelines.run_folder.writers.claim import check_claimable
from babelsift.pipelines.stages.columns.resolved import ResolvedColumn, resolve
from babelsift.pipelines.stages.download.retry import NO_RETRY, Retry, parse_retry
from babelsift.pipelines.stages.img2dataset_download.options import check_img2dataset
from babelsift.pipelines.stages.img2dataset_folder.scan import plan_import
from babelsift.pipelines.stages.score.models import CheckedModels, check_models
from babelsift.pipelines.staging.img2dataset.imported_rows import ImportPlan
from babelsift.pipelines.staging.inventory import check_downloads, say_what_was_not_heard
from babelsift.schemas import STAGE_ORDER, Recipe, Stage

LAST_TEXT_STAGE = Stage.DEDUP_PAIRS  # what follows wants images


@dataclass(frozen=True)
class RunPlan:
    """A run that can start: its settings, checked, and what the checks found.

    Attributes:
        recipe: the run's settings.
        folder: the run folder, OUT.
        inputs: the globs that the user gave; empty where the imported folder's own pairs are the input.
        source: what is read; None until an img2dataset folder whose own pairs are the input is imported.
        imported: the img2dataset folder that images are taken from; None: they are downloaded.
        models: the facts of the recipe's models and heads, from loading each once.
        retry: failures of earlier downloads that are tried again.
        force: download again what was downloaded with other settings.
        allow_shrink: leave the folder with nothing, or with less than half of what the same recipe kept before.
        columns: the recipe's columns with their makers.
        options: Beam's.
        until: the last stage, whose survivors are written in the place of shards; None: the run goes to its end.
        distributor: how img2dataset spreads its work, where it is what downloads; None: our own client does.
        temp_dir: where a run in this process puts temporary files; None: TMPDIR, or the system's.
        removed: what was removed on request from the folder, and from earlier ones that the recipe names.
    """

    recipe: Recipe
    folder: RunFolder
    inputs: tuple[str, ...] = ()
    source: InputPlan | None = None
    imported: ImportPlan | None = None
    models: CheckedModels = field(default_factory=CheckedModels)
    retry: Retry = NO_RETRY
    force: bool = False
    allow_shrink: bool = False
    columns: tuple[ResolvedColumn, ...] = ()
    options: PipelineOptions = field(default_factory=lambda: PipelineOptions([]))
    until: Stage | None = None
    distributor: str | None = None
    temp_dir: str | None = None
    removed: Tombstones = NO_TOMBSTONES

    def with_removed(self) -> RunPlan:
        """Returns the plan with what was removed, as it is now.

        Raises:
            RunFolderError: a removal has begun in the folder and not ended, or its file cannot be read.
        """
        check_no_unfinished_removal(self.folder)
        return replace(self, removed=removed_from(self.folder, self.recipe))


def removed_from(folder: RunFolder, recipe: Recipe) -> Tombstones:
    """Returns what was removed on request from a run folder, and from earlier ones that a recipe names.

    Raises:
        RunFolderError: a file of it is damaged, or cannot be read.
    """
    compared = (recipe.dedup_pairs, recipe.dedup_images, recipe.dedup_semantic)
    earlier = [place for group in compared if group is not None for place in group.earlier]
    return read_tombstones(folder) | earlier_tombstones(earlier)


def runs_through(stage: Stage, until: Stage | None) -> bool:
    """Returns whether a run that ends after a stage, or at its end, comes to another stage."""
    return until is None or STAGE_ORDER.index(stage) <= STAGE_ORDER.index(until)


def plan_run(
    recipe: Recipe,
    inputs: Sequence[str],
    output: str,
    *,
    columns: ColumnChoice | None = None,
    staging: str | None = None,
    retry_failed: Sequence[str] = (),
    options: PipelineOptions | None = None,
    force: bool = False,
    allow_shrink: bool = False,
    until: Stage | None = None,
    img2dataset: str | None = None,
    temp_dir: str | None = None,
) -> RunPlan:
    """Returns the plan of a run after every check, the cheap ones first: recipe, input, output, downloads, models.

    Args:
        recipe: the run's settings.
        inputs: globs of files, any fsspec URL; may be none where `staging` is given, which then is the input.
        output: the run folder, any fsspec URL; what is in it already is reused.
        columns: the columns of the pair; None: as the recipe says, else the first usual names that the input has.
        staging: an img2dataset output folder (webdataset), any fsspec URL, from which images are taken instead of
            downloading; it is only read.
        retry_failed: classes of earlier downloads' failures to try again, see `stages.download.retry.parse_retry`.
        options: Beam's; None: Beam's in-process runner.
        force: download again what was downloaded with other settings.
        allow_shrink: leave the folder with nothing, or with less than half of what the same recipe kept before.
        until: the last stage, whose survivors are written in the place of shards; None: the run goes to its end.
        img2dataset: the distributor of img2dataset, where that is to download; None: our own client does.
        temp_dir: where a run in this process puts temporary files; None: TMPDIR, or the system's.

    Raises:
        BabelsiftError: one of its kinds, with one line that names the remedy.
    """
    options = options or PipelineOptions([])
    check_cluster(recipe, [*inputs, *filter(None, [staging])], output, options)
    score_hints(options)
    check_runner(options)
    temporary_folder(temp_dir)
    check_parts(recipe)
    check_source(inputs, staging, retry_failed, img2dataset=img2dataset is not None)
    check_faces(recipe, staging)
    if img2dataset is not None:
        check_img2dataset(recipe.download, img2dataset, output)
    retry = parse_retry(retry_failed, before=time.time()) if retry_failed else NO_RETRY
    source = plan_input(inputs, columns=columns or recipe_columns(recipe.read.columns)) if inputs else None
    imported = None if staging is None else plan_import(staging)
    folder = RunFolder(output).check_writable()
    check_claimable(folder)
    check_no_unfinished_removal(folder)
    check_text_languages(recipe, source)
    check_documents(recipe, source)
    resolved = resolve(recipe.made_columns)
    if source is not None:
        check_input(recipe, source, resolved)
        if img2dataset is not None:
            check_urls(source)
    check_settings(recipe)
    check_other_data(recipe)
    say_what_was_not_heard(check_downloads(folder, recipe.download, force=force))
    needs_models = runs_through(Stage.SCORE, until)
    if recipe.clip and needs_models:
        logging.info("models: loading %s", ", ".join(model.model for model in recipe.clip))
    models = CheckedModels()
    if needs_models:
        models = check_models(recipe.clip, recipe.all_heads, keep=runs_in_this_process(options))
        check_other_embeddings(recipe, compared_stores(folder, recipe, models))
    options = options or PipelineOptions([])
    return RunPlan(
        recipe,
        folder,
        tuple(inputs),
        source,
        imported,
        models=models,
        retry=retry,
        force=force,
        allow_shrink=allow_shrink,
        columns=resolved,
        options=options,
        until=until,
        distributor=img2dataset,
        temp_dir=temp_dir,
    )
