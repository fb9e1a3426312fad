"""What a recipe would do with a finished run folder: the same stages on what is stored, no web, no model, no shards."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.options.pipeline_options import PipelineOptions

from babelsift.pipelines.core.parking import TemporaryFolder, temporary_folder
from babelsift.pipelines.core.runners.run_job import run_job
from babelsift.pipelines.core.stage_outputs import REJECTED
from babelsift.pipelines.core.transform import Transform
from babelsift.pipelines.inputs.columns import ColumnChoice, recipe_columns
from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.job.checks import (
    check_conditions,
    check_documents,
    check_head_names,
    check_parts,
    check_settings,
    check_text_languages,
)
from babelsift.pipelines.job.curate import ROWS_A_MATCH, curate_stages
from babelsift.pipelines.job.plan import removed_from
from babelsift.pipelines.replay.stored_languages import StoredLanguages, are_languages_known, are_scores_wanted
from babelsift.pipelines.replay.stored_pairs import StoredImages, StoredPairs
from babelsift.pipelines.replay.stored_scores import StoredScores, find_scores
from babelsift.pipelines.run_folder.finished_run import no_complete_run, read_funnel
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.manifest import Manifest, open_manifest
from babelsift.pipelines.run_folder.shard_layout import SPLITS
from babelsift.pipelines.stages.columns.column_stages import column_stages
from babelsift.pipelines.stages.columns.resolved import check_names, output_schema, resolve
from babelsift.pipelines.stages.img2dataset_folder.match_pairs import ReuseStaged
from babelsift.pipelines.stages.read import ROWS_READ, ReadPairs
from babelsift.pipelines.stages.report.ledger import WriteLedger
from babelsift.pipelines.stages.report.row_counts import CountRows
from babelsift.pipelines.stages.select.select_pairs import REPORT
from babelsift.pipelines.staging.img2dataset.imported_rows import TAKEN_FROM, finished_import, imported_row_count
from babelsift.pipelines.staging.inventory import staged_downloads
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.schemas import (
    CAPTION_CHANGES,
    IN,
    OUT,
    Funnel,
    Recipe,
    RecipeError,
    RejectReason,
    RunFolderError,
    Stage,
    ledger_rows,
    score_schema,
)
from babelsift.schemas.suggestions import closest_name

KEPT = "kept"  # stands for a reason among fates
_DRY_FUNNEL, _DRY_SELECTION = "funnel.json", "selection.json"


@dataclass(frozen=True)
class DryRun:
    """What a recipe would do.

    Attributes:
        funnel: the counts of each stage.
        selection: as selection.json holds it.
        not_stored: stage -> pairs whose download or score no run has paid for yet, so that their fate is not known.
        other_downloads: a difference in download settings -> stored images that were downloaded with those other
            settings; a run would download them again.
        temporary: where a run in one process would put temporary files, and about how much.
    """

    funnel: Funnel
    selection: Mapping[str, Any]
    not_stored: dict[str, int]
    other_downloads: dict[str, int] = field(default_factory=dict)
    temporary: TemporaryFolder | None = None


def dry_run(
    recipe: Recipe,
    output: str,
    inputs: Sequence[str] = (),
    *,
    columns: ColumnChoice | None = None,
    staging: str | None = None,
    fates: RunFolder | None = None,
    temp_dir: str | None = None,
) -> DryRun:
    """Returns what a recipe would make of the pairs of a finished run, or of an input, by what the run has stored.

    Args:
        recipe: the settings to try.
        output: the run folder; nothing in it is written.
        inputs: globs; none: the run's own pairs.
        columns: of `inputs`; None: as the recipe says, else the first usual names that they have.
        staging: the img2dataset folder that images are taken from; None: the one that the last run used.
        fates: where each pair's fate is written, as ledger files of all pairs, those kept with the reason KEPT.
        temp_dir: where temporary files lie; None: TMPDIR, or the system's.

    Raises:
        BabelsiftError: no complete run is there, a model was never scored, the recipe cannot run.
    """
    check_parts(recipe)
    folder = RunFolder(output)
    funnel = read_funnel(folder)
    if funnel is None:
        raise no_complete_run(output)
    plan = plan_input(inputs, columns=columns or recipe_columns(recipe.read.columns)) if inputs else None
    manifest = open_manifest(folder, rows=0, rows_per_partition=1)
    if manifest.unfinished:
        raise RunFolderError(f"{output}: the run that began last has not ended; finish it by `babelsift curate` first")
    resolved = resolve(recipe.made_columns)
    if plan is None:
        _check_without_input(recipe, folder, output_schema(resolved).names)
    else:
        check_head_names(recipe, plan)
        check_text_languages(recipe, plan)
        check_documents(recipe, plan)
        check_names(resolved, [*recipe.score_columns, *recipe.model_names, *plan.carried.names])
    check_conditions(recipe, pa.schema([]) if plan is None else plan.carried, resolved)
    scores = find_scores(folder, recipe.clip, recipe.all_heads)
    check_settings(recipe)
    images, other_downloads = _images(folder, recipe, manifest, staging)
    rows = funnel.input_rows if plan is None else plan.estimated_rows
    known = plan is None and are_languages_known(manifest, recipe)
    removed = removed_from(folder, recipe)
    read = StoredPairs(folder, known) if plan is None else ReadPairs(plan, recipe.read, removed=removed)
    language = StoredLanguages(recipe.language, are_scores_wanted(recipe)) if known else None
    steps: dict[str, Any] = {"read": read, "download": images, "score": StoredScores(scores), "language": language}
    steps["columns"] = column_stages(
        folder, recipe, resolved, manifest, makes=False, stores={model.store.name: model.store for model in scores}
    )
    steps["compared"] = compared_stores(recipe, [model.store for model in scores])
    temporary = temporary_folder(temp_dir, rows)
    with tempfile.TemporaryDirectory(prefix="babelsift-dry-", dir=temp_dir) as scratch:
        outcome = RunFolder(scratch)
        job = _Stages(recipe, rows, steps, outcome, fates, manifest.partitions)
        run_job(job, "DryRun", PipelineOptions([]), temp_dir)
        dry = Funnel.from_json(outcome.read_json(_DRY_FUNNEL)).check()
        selection = outcome.read_json(_DRY_SELECTION)
    counted = {stage.stage: stage.rejected.get(RejectReason.NOT_STORED.value, 0) for stage in dry.stages}
    not_stored = {stage: pairs for stage, pairs in counted.items() if pairs}
    return DryRun(dry, selection, not_stored, other_downloads, temporary)


def _images(
    folder: RunFolder, recipe: Recipe, manifest: Manifest, staging: str | None
) -> tuple[beam.PTransform, dict[str, int]]:
    """Returns the source of stored images, and {difference: images that other download settings made}."""
    staging = staging or manifest.facts.get(TAKEN_FROM)
    if staging is not None:
        plan = finished_import(folder, staging)
        partitions = max(manifest.partitions, imported_row_count(folder, plan) // ROWS_A_MATCH + 1)
        return ReuseStaged(folder, recipe.download, plan, partitions), {}
    stale = staged_downloads(folder, recipe.download).stale
    images = StoredImages(
        folder, recipe.download, manifest.partitions, manifest.first_partitions, manifest.partitioning
    )
    return images, {why: count for why, (_, count, _) in stale.items()}


def _check_without_input(recipe: Recipe, folder: RunFolder, made: Sequence[str]) -> None:
    """Checks that a recipe needs neither captions before edits nor columns of the input: the run has not stored them.

    Raises:
        RecipeError: the recipe needs them.
    """
    edited = bool(recipe.caption_edits)
    for split in SPLITS.values():
        for name in folder.list(split.folder, ".parquet")[:1]:
            with folder.open(split.folder, name) as file:
                edited |= CAPTION_CHANGES.name in pq.read_schema(file).names
    if edited:
        raise RecipeError("captions were edited, and a finished run has no others; give the run's --input")
    if recipe.language.source != "replace":
        raise RecipeError(
            f"language.source is {recipe.language.source}: a finished run has not stored what its input says of "
            "languages; give the run's --input"
        )
    if recipe.select.one_to_one_in is not None:
        raise RecipeError("select.one_to_one_in: a finished run has not stored its documents; give the run's --input")
    if rows := [column.name for column in recipe.made_columns if column.of == "row"]:
        raise RecipeError(f"columns: {rows[0]!r} is of rows of the input, which a finished run lacks; give --input")
    stored = [*score_schema(recipe.model_names, recipe.head_names).names, *made]
    beyond = sorted({name for rule, _ in recipe.select.walk() for name in rule.conditions} - set(stored))
    near = [name for name in beyond if closest_name(name, stored, cutoff=0.8)]
    if beyond and not near:
        raise RecipeError(f"select.conditions: a finished run has no column {beyond[0]!r}; give the run's --input")


def compared_stores(recipe: Recipe, stores: Sequence[ScoreStore]) -> dict[str, ScoreStore]:
    """Returns the stores of the embeddings that groups of a recipe compare, by the group's name.

    Args:
        recipe: the settings to try.
        stores: the score stores of the recipe's models.
    """
    of_model = {store.name: store for store in stores}
    return {group: of_model[name or recipe.model_names[0]] for group, name in recipe.compared_models.items()}


@dataclass
class _Stages(Transform):
    """Every stage over stored results; writes the funnel, the selection's account and, if asked, each pair's fate."""

    recipe: Recipe
    rows: int
    steps: Mapping[str, Any]
    found: RunFolder
    fates: RunFolder | None
    partitions: int

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection:
        """Counts as a run does."""
        stages = curate_stages(pbegin, self.recipe, self.rows, **self.steps)
        rejected = tuple(stage[REJECTED] for stage in stages.values()) | "Rejected" >> beam.Flatten()
        kept = {name: stage["kept"] for name, stage in stages.items() if name is not Stage.SHARD}
        last = stages[Stage.SHARD]["kept"]
        if self.fates is not None:
            marked = last | "MarkKept" >> beam.Map(mark_kept).with_output_types(pa.RecordBatch)
            fates = (rejected, marked) | "AllFates" >> beam.Flatten()
            _ = fates | "Fates" >> WriteLedger(self.fates, self.partitions)
        counts = {"read": stages[Stage.READ][ROWS_READ], "kept": kept, "rejected": rejected} | "Count" >> CountRows()
        _ = stages[Stage.SELECT][REPORT] | "Selection" >> beam.Map(_write, self.found, _DRY_SELECTION)
        return counts | "Funnel" >> beam.Map(dry_funnel) | "Write" >> beam.Map(_write, self.found, _DRY_FUNNEL)


def mark_kept(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Returns kept rows as ledger rows with the reason KEPT."""
    nothing = [None] * len(batch)
    return ledger_rows(batch, stage=Stage.SHARD, reasons=[KEPT] * len(batch), values=nothing, thresholds=nothing)


def dry_funnel(counts: Mapping[tuple[str, str, str], int]) -> dict:
    """Returns the funnel of counts in which every pair that reached the shards counts as written."""
    written: Counter[tuple[str, str, str]] = Counter()
    for (stage, outcome, language), rows in counts.items():
        if (stage, outcome) == (Stage.BALANCE.value, OUT):
            written[(Stage.SHARD.value, OUT, language)] += rows
        elif stage == Stage.SHARD.value and outcome != IN:
            written[(Stage.SHARD.value, OUT, language)] -= rows
    return Funnel.from_counts({**counts, **written}).to_json()


def _write(content: dict, folder: RunFolder, name: str) -> None:
    folder.write_json(name, content)
