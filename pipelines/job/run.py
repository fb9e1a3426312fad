"""What `babelsift curate` does: looks at all that can be wrong first, then runs the job, alone in its folder."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

from babelsift.filters.concepts import ConceptMatcher
from babelsift.filters.dedup import load_faiss
from babelsift.filters.language import LanguageIdentifier, check_languages
from babelsift.filters.rules import reject_by_captions, reject_by_language, reject_by_urls
from babelsift.pipelines.core.runners import run_job
from babelsift.pipelines.fetch import AddressPolicy
from babelsift.pipelines.inputs.plan import plan_input
from babelsift.pipelines.inputs.slices import InputPlan
from babelsift.pipelines.job.curate import Curate
from babelsift.pipelines.job.embedding_stores import embedding_stores, store_of
from babelsift.pipelines.run_folder.claim import claim_folder
from babelsift.pipelines.run_folder.fingerprints import changes, input_files, stage_settings
from babelsift.pipelines.run_folder.folder import RunFolder
from babelsift.pipelines.run_folder.lock import RunLock
from babelsift.pipelines.run_folder.manifest import open_manifest, save_manifest
from babelsift.pipelines.run_folder.paths import FUNNEL, IMPORTED_FOLDER, RECIPE, REJECTS
from babelsift.pipelines.run_folder.shard_layout import SPLITS
from babelsift.pipelines.run_folder.versions import software_versions
from babelsift.pipelines.stages.download.retry import NO_RETRY, Retry, parse_retry
from babelsift.pipelines.stages.download.row_options import check_wished_columns
from babelsift.pipelines.stages.img2dataset_folder.scan import ImportShards, plan_import, plan_imported_input
from babelsift.pipelines.stages.score.models import check_models
from babelsift.pipelines.stages.select.select_pairs import check_columns
from babelsift.pipelines.staging.empty_shards import fill_gaps
from babelsift.pipelines.staging.imported_rows import TAKEN_FROM, ImportPlan, import_problems
from babelsift.pipelines.staging.inventory import check_downloads
from babelsift.pipelines.staging.layout import STAGING
from babelsift.pipelines.staging.score_cleanup import remove_orphans
from babelsift.schemas import Decision, Funnel, InputError, Recipe, RecipeError, dump_recipe, public_url, score_schema
from babelsift.schemas.parts import describe_missing

_PROBLEMS_SHOWN = 10


def run(
    recipe: Recipe,
    inputs: Sequence[str],
    output: str,
    *,
    url_column: str | None = None,
    caption_column: str | None = None,
    staging: str | None = None,
    retry_failed: Sequence[str] = (),
    options: PipelineOptions | None = None,
    force: bool = False,
) -> Funnel:
    """Curates the input into the run folder `output` and returns the funnel.

    Everything that can be wrong is looked at before the first row is read: the input's files and columns, the models,
    the output folder.

    Args: inputs: globs of files, any fsspec URL; may be none where `staging` is given, which then is the input.
        output: run folder, any fsspec URL; what is in it already is reused. staging: an img2dataset output folder
        (webdataset), any fsspec URL, from which images are taken instead of downloading; it is only read.
        retry_failed: classes of earlier downloads' failures to try again, see `stages.download.retry.parse_retry`.
        force: download again what was downloaded with other settings.
    Raises: BabelsiftError: one of its kinds, with one line that names the remedy.
    """
    check_parts(recipe)
    options = options or PipelineOptions([])
    retry = parse_retry(retry_failed, before=time.time()) if retry_failed else NO_RETRY
    if retry_failed and staging is not None:
        raise RecipeError("--retry-failed: nothing is downloaded with --staging; leave out one of them")
    if not inputs and staging is None:
        raise InputError("nothing to read: give a table of pairs (--input), or an img2dataset folder (--staging)")
    plan = plan_input(inputs, url_column=url_column, caption_column=caption_column) if inputs else None
    adopted = plan_import(staging) if staging is not None else None
    folder = RunFolder(output, tars=adopted.tars if adopted else None).check_writable()
    check_settings(recipe)
    with RunLock(folder) as lock:
        check_downloads(folder, recipe.download, force=force)
        folder = claim_folder(folder, lock.token)
        return _run_alone(recipe, inputs, folder, plan, adopted, retry, options)


def _run_alone(
    recipe: Recipe,
    inputs: Sequence[str],
    folder: RunFolder,
    plan: InputPlan | None,
    adopted: ImportPlan | None,
    retry: Retry,
    options: PipelineOptions,
) -> Funnel:
    if recipe.clip:
        logging.info("models: loading %s", ", ".join(model.model for model in recipe.clip))
    models = check_models(recipe.clip, recipe.heads)
    if adopted is not None:
        run_job(ImportShards(folder, recipe.download, adopted), "Adopt", options)
        plan = plan or plan_imported_input(folder, adopted)
    assert plan is not None
    check_head_names(recipe, plan)
    check_wished_columns(recipe.download, list(plan.sources.values()))
    check_columns(recipe.select, pa.schema([*score_schema(recipe.model_names, recipe.head_names), *plan.carried]))
    rows_per_partition = recipe.download.samples_per_staging_shard
    manifest = open_manifest(folder, rows=plan.estimated_rows, rows_per_partition=rows_per_partition)
    facts = _facts(recipe, inputs, plan, models)
    if adopted is not None:
        facts |= _staging_facts(folder, adopted)
    stages = stage_settings(recipe, input_files(file.path for file in plan.files))
    if manifest.stages:
        for stage, lines in changes(manifest.stages, stages).items():
            logging.info("run folder: not as in the last run: %s: %s", stage, "; ".join(lines))
    save_manifest(folder, manifest, facts, stages)
    folder.write(RECIPE, dump_recipe(recipe).encode())
    folder.remove(FUNNEL)  # its presence says that the folder is complete
    products = [place for split in SPLITS.values() for place in (split.folder, split.embeddings)]
    folder.remove_leftovers("", *products, REJECTS, STAGING, IMPORTED_FOLDER, "report")
    remove_orphans(folder)
    partitions, first = manifest.partitions, manifest.first_partitions
    stores = embedding_stores(folder, recipe)
    compared = {group: store_of(folder, recipe.model_named(name)) for group, name in recipe.compared_models.items()}
    job = Curate(recipe, folder, plan, partitions, facts, adopted, first, retry, stores, compared)
    run_job(job, "Curate", options)
    if adopted is None:
        fill_gaps(folder, recipe.download, rows=plan.estimated_rows, partitions=partitions)
    return Funnel.from_json(folder.read_json(FUNNEL)).check()


def check_parts(recipe: Recipe) -> None:
    """Looks whether the recipe can run at all, and logs which parts of the published one it leaves out.

    Raises: RecipeError: it requires parts that are missing; names them and the remedy.
    """
    if recipe.requires:
        raise RecipeError(f"recipe {recipe.name} cannot run, a part is missing: {describe_missing(recipe.requires)}")
    if recipe.omits:
        logging.info("recipe %s: left out, which changes no pair's fate: %s", recipe.name, ", ".join(recipe.omits))


def check_settings(recipe: Recipe) -> None:
    """Tries what a recipe's text alone cannot show to be right: files and lists it names, networks, scripts, faiss.

    Raises: RecipeError, ModelError: the first of them that is not.
    """
    if recipe.dedup_semantic is not None:
        load_faiss()
    identifier = LanguageIdentifier(recipe.language.model)
    identifier.load()
    check_languages(recipe.named_languages, identifier)
    nothing = identifier.identify(pa.array([], pa.string()))
    captions, (languages, scores) = pa.array([], pa.string()), nothing.columns
    reject_by_language(captions, languages, scores, recipe.language, Decision.keep_all(0))
    reject_by_captions(captions, recipe.captions, Decision.keep_all(0))
    reject_by_urls(captions, recipe.urls, Decision.keep_all(0))
    if recipe.metadata is not None:
        ConceptMatcher(recipe.metadata.entries).load()
    AddressPolicy(recipe.download.allow_addresses, recipe.download.ports)


def check_head_names(recipe: Recipe, plan: InputPlan) -> None:
    """Looks whether a head would take the name of a column that the input has.

    Raises: RecipeError: one would.
    """
    if taken := [head.name for head in recipe.heads if head.name in plan.carried.names]:
        raise RecipeError(f"heads: the input has a column {taken[0]!r}, too; give the head another name")


def _facts(recipe: Recipe, inputs: Sequence[str], plan: InputPlan, models: dict[str, str]) -> dict[str, str]:
    facts = {
        "recipe": recipe.name,
        "seed": str(recipe.seed),
        "input": ", ".join(map(public_url, inputs)) or "the staging folder's own pairs",
        "columns": f"url {plan.url_column!r}, caption {plan.caption_column!r}",
        "carried columns": ", ".join(plan.carried.names) or "none",
        "versions": software_versions(),
    }
    for name, described in models.items():
        facts[f"model {name}"] = described
    if recipe.download.allow_addresses:
        facts["private addresses allowed"] = ", ".join(recipe.download.allow_addresses)
    if not recipe.download.verify_tls:
        facts["TLS"] = "certificates were not verified"
    return facts


def _staging_facts(folder: RunFolder, adopted: ImportPlan) -> dict[str, str]:
    facts = {TAKEN_FROM: adopted.tars.url, "shape of images": "as that folder's own settings made them"}
    if problems := import_problems(folder, adopted):
        facts["wrong with them"] = "; ".join(problems[:_PROBLEMS_SHOWN])
        if len(problems) > _PROBLEMS_SHOWN:
            facts["wrong with them"] += f"; and {len(problems) - _PROBLEMS_SHOWN} more"
    return facts
