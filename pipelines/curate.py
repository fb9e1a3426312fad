"""The main job: a table of (URL, alt-text) in, webdataset shards and an account of every pair out.

    python -m pipelines.curate --recipe NAME|FILE --input GLOB --output DIR

is the same as `babelsift curate`. `Curate` is the whole job as one transform; `run` is what the command does.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

from filters.dedup import load_faiss
from filters.fetch import AddressPolicy
from filters.language import LanguageIdentifier
from filters.metadata import MetadataMatcher
from filters.rules import reject_by_captions, reject_by_language, reject_by_urls
from pipelines.accounting import SAMPLES_A_REASON, SAMPLES_KEPT, CountRows, SampleRows
from pipelines.adopt import ADOPTED, AdoptionPlan, AdoptStaging, plan_adopted_input, plan_adoption, problems_of, rows_of
from pipelines.balance import CONCEPTS, BalanceConcepts, CountConcepts, WriteConcepts
from pipelines.batches import REJECTED, StageOutputs
from pipelines.decontaminate import Decontaminate
from pipelines.decontaminate_embeddings import DecontaminateEmbeddings
from pipelines.dedup_images import DedupImages
from pipelines.dedup_pairs import DedupPairs
from pipelines.dedup_semantic import DedupSemantic
from pipelines.download import DownloadImages
from pipelines.duplicates import DUPLICATES, WriteDuplicates
from pipelines.fingerprints import changes, input_files, stage_settings
from pipelines.fraction_cuts import SimilarityHistograms
from pipelines.frequency import FilterFrequencies
from pipelines.image_rules import FilterImages
from pipelines.inputs import InputPlan, plan_input
from pipelines.language import IdentifyLanguage
from pipelines.ledger import REJECTS, WriteLedger
from pipelines.manifest import open_manifest, save_manifest
from pipelines.metadata import MatchMetadata
from pipelines.read import ROWS_READ, ReadPairs
from pipelines.removal_rates import RemovalWarnings
from pipelines.retry import NO_RETRY, Retry, parse_retry
from pipelines.reuse import ReuseStaged
from pipelines.row_wishes import check_wished_columns
from pipelines.rules import FilterPairs
from pipelines.run_folder import RunFolder
from pipelines.run_lock import RunLock
from pipelines.runners import runner_from, worker_error
from pipelines.score import ScorePairs
from pipelines.score_models import check_models
from pipelines.score_store import ScoreStore, remove_orphans
from pipelines.select import REPORT, SelectPairs, check_columns
from pipelines.shard_embeddings import embedding_stores, store_of
from pipelines.shard_layout import SPLITS
from pipelines.shards import WriteShards
from pipelines.staged_work import check_downloads
from pipelines.staging_gaps import fill_gaps
from pipelines.staging_layout import STAGING
from pipelines.write_report import FUNNEL, RECIPE, WriteReport, software_versions
from schemas import Decision, Funnel, InputError, Recipe, RecipeError, Stage, dump_recipe, score_schema
from schemas.parts import describe_missing

_ROWS_A_DEDUP_PART = 500_000
_ROWS_A_MATCH = 20_000
_PROBLEMS_SHOWN = 10


@dataclass
class Curate(beam.PTransform):
    """Every stage from the input's files to the finished run folder; emits the funnel as one dict.

    Attributes:
        plan: what to read. partitions: staging partitions of the run folder. facts: for the report.
        staging: a folder that was adopted (`pipelines.adopt`) in the place of downloading.
        first_partitions, retry: see `DownloadImages`. stores: of the models whose embeddings are written beside the
            shards. compared: see `curate_stages`.
    """

    recipe: Recipe
    folder: RunFolder
    plan: InputPlan
    partitions: int
    facts: dict[str, str] = field(default_factory=dict)
    staging: AdoptionPlan | None = None
    first_partitions: int | None = None
    retry: Retry = NO_RETRY
    stores: tuple[ScoreStore, ...] = ()
    compared: Mapping[str, ScoreStore] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[dict]:
        """The list of steps."""
        recipe, folder = self.recipe, self.folder
        stages = curate_stages(
            pbegin,
            recipe,
            self.plan.estimated_rows,
            read=ReadPairs(self.plan),
            download=self._images(),
            score=ScorePairs(folder, recipe.clip, recipe.heads),
            compared=self.compared,
        )
        unique, distinct = stages[Stage.DEDUP_IMAGES], stages[Stage.DEDUP_SEMANTIC]
        select, balance = stages[Stage.SELECT], stages[Stage.BALANCE]
        duplicates = (unique[DUPLICATES], distinct[DUPLICATES]) | "AllDuplicates" >> beam.Flatten()
        shards = balance.kept | "Shards" >> WriteShards(folder, recipe.shards, recipe.seed, self.stores)
        rejected = tuple(stage[REJECTED] for stage in stages.values()) | "Rejected" >> beam.Flatten()
        kept = {name: stage["kept"] for name, stage in stages.items()}
        return {
            "counts": {"read": stages[Stage.READ][ROWS_READ], "kept": kept, "rejected": rejected}
            | "Count" >> CountRows(),
            "shards": shards,
            "ledger": rejected | "Ledger" >> WriteLedger(folder, self.partitions),
            "kept": balance.kept | "SampleKept" >> SampleRows(recipe.seed, SAMPLES_KEPT),
            "rejected": rejected | "SampleRejected" >> SampleRows(recipe.seed, SAMPLES_A_REASON),
            "histograms": {
                name: distinct.kept | f"Histogram_{name}" >> SimilarityHistograms(name) for name in recipe.model_names
            },
            "selection": select[REPORT],
            "concepts": self._concepts(balance),
            "warnings": {"kept": unique.kept, "rejected": unique[REJECTED]}
            | "RemovalRates" >> RemovalWarnings(recipe.dedup_images),
            "clusters": duplicates | "Duplicates" >> WriteDuplicates(folder, recipe.seed),
        } | "Report" >> WriteReport(folder, recipe, self.facts)

    def _images(self) -> DownloadImages | ReuseStaged:
        folder, settings, partitions = self.folder, self.recipe.download, self.partitions
        if self.staging is None:
            return DownloadImages(folder, settings, partitions, self.first_partitions, retry=self.retry)
        partitions = max(partitions, rows_of(folder, self.staging) // _ROWS_A_MATCH + 1)
        return ReuseStaged(folder, settings, self.staging, partitions)

    def _concepts(self, balance: StageOutputs) -> beam.PCollection[str]:
        if self.recipe.metadata is None:
            return balance.kept.pipeline | "NoConcepts" >> beam.Create([], reshuffle=False)
        after = balance.kept | "CountConcepts" >> CountConcepts(self.recipe.metadata)
        write = WriteConcepts(self.folder, self.recipe.metadata)
        return {"before": balance[CONCEPTS], "after": after} | "Concepts" >> write


def curate_stages(
    pbegin: beam.pvalue.PBegin,
    recipe: Recipe,
    rows: int,
    *,
    read: beam.PTransform,
    download: beam.PTransform,
    score: beam.PTransform,
    compared: Mapping[str, ScoreStore] = MappingProxyType({}),
) -> dict[Stage, Any]:
    """The list of steps: every stage's outputs, `kept` and REJECTED, from reading to balancing.

    Args: rows: about how many there are; decides in how many parts they are compared. read, download, score: where
        pairs, images and similarities come from: the input, the web and models, or a finished run folder. compared:
        group of settings -> where the embeddings lie that it compares.
    """
    parts = max(1, rows // _ROWS_A_DEDUP_PART)
    pairs = pbegin | "Read" >> read
    rules = pairs.kept | "Rules" >> FilterPairs(recipe.captions, recipe.urls, recipe.caption_edits)
    language = rules.kept | "Language" >> IdentifyLanguage(recipe.language)
    frequency = language.kept | "Frequency" >> FilterFrequencies(recipe.frequency, parts)
    metadata = frequency.kept | "Metadata" >> MatchMetadata(recipe.metadata)
    distinct = metadata.kept | "DedupPairs" >> DedupPairs(recipe.dedup_pairs, parts)
    downloaded = distinct.kept | "Download" >> download
    images = downloaded["kept"] | "ImageRules" >> FilterImages(recipe.images)
    clean = images.kept | "Decontaminate" >> Decontaminate(recipe.decontaminate, parts, rows)
    unique = clean.kept | "DedupImages" >> DedupImages(recipe.dedup_images, parts, rows)
    scored = unique.kept | "Score" >> score
    decontaminate = DecontaminateEmbeddings(recipe.decontaminate, compared.get("decontaminate"))
    unseen = scored.kept | "DecontaminateEmbeddings" >> decontaminate
    dedup_semantic = DedupSemantic(recipe.dedup_semantic, compared.get("dedup_semantic"), recipe.seed)
    meaning = unseen.kept | "DedupSemantic" >> dedup_semantic
    select = meaning.kept | "Select" >> SelectPairs(recipe.select, recipe.model_names, recipe.seed)
    balance = select.kept | "Balance" >> BalanceConcepts(recipe.balance, recipe.metadata, recipe.seed)
    return {
        Stage.READ: pairs,
        Stage.RULES: rules,
        Stage.LANGUAGE: language,
        Stage.FREQUENCY: frequency,
        Stage.METADATA: metadata,
        Stage.DEDUP_PAIRS: distinct,
        Stage.DOWNLOAD: downloaded,
        Stage.IMAGE_RULES: images,
        Stage.DECONTAMINATE: clean,
        Stage.DEDUP_IMAGES: unique,
        Stage.SCORE: scored,
        Stage.DECONTAMINATE_EMBEDDINGS: unseen,
        Stage.DEDUP_SEMANTIC: meaning,
        Stage.SELECT: select,
        Stage.BALANCE: balance,
    }


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
        retry_failed: classes of earlier downloads' failures to try again, see `pipelines.retry.parse_retry`.
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
    adopted = plan_adoption(staging) if staging is not None else None
    folder = RunFolder(output, tars=adopted.tars if adopted else None).check_writable()
    check_settings(recipe)
    with RunLock(folder):
        check_downloads(folder, recipe.download, force=force)
        return _run_alone(recipe, inputs, folder, plan, adopted, retry, options)


def _run_alone(
    recipe: Recipe,
    inputs: Sequence[str],
    folder: RunFolder,
    plan: InputPlan | None,
    adopted: AdoptionPlan | None,
    retry: Retry,
    options: PipelineOptions,
) -> Funnel:
    if recipe.clip:
        logging.info("models: loading %s", ", ".join(model.model for model in recipe.clip))
    models = check_models(recipe.clip, recipe.heads)
    if adopted is not None:
        _run(options, "Adopt", AdoptStaging(folder, recipe.download, adopted))
        plan = plan or plan_adopted_input(folder, adopted)
    assert plan is not None
    check_head_names(recipe, plan)
    check_wished_columns(recipe.download, list(plan.sources.values()))
    check_columns(recipe.select, pa.schema([*score_schema(recipe.model_names, recipe.head_names), *plan.carried]))
    rows_per_partition = recipe.download.samples_per_staging_shard
    manifest = open_manifest(folder, rows=plan.estimated_rows, rows_per_partition=rows_per_partition)
    facts = _facts(recipe, inputs, plan, models)
    if adopted is not None:
        facts |= _staging_facts(folder, adopted)
    stages = stage_settings(recipe, input_files(one.path for one in plan.slices))
    if manifest.stages:
        for stage, lines in changes(manifest.stages, stages).items():
            logging.info("run folder: not as in the last run: %s: %s", stage, "; ".join(lines))
    save_manifest(folder, manifest, facts, stages)
    folder.write(RECIPE, dump_recipe(recipe).encode())
    folder.remove(FUNNEL)  # its presence says that the folder is complete
    products = [place for split in SPLITS.values() for place in (split.folder, split.embeddings)]
    folder.remove_leftovers("", *products, REJECTS, STAGING, ADOPTED, "report")
    remove_orphans(folder)
    partitions, first = manifest.partitions, manifest.first_partitions
    stores = embedding_stores(folder, recipe)
    compared = {group: store_of(folder, recipe.model_named(name)) for group, name in recipe.compared_models.items()}
    _run(options, "Curate", Curate(recipe, folder, plan, partitions, facts, adopted, first, retry, stores, compared))
    if adopted is None:
        fill_gaps(folder, recipe.download, rows=plan.estimated_rows, partitions=partitions)
    return Funnel.from_json(folder.read_json(FUNNEL)).check()


def _run(options: PipelineOptions, label: str, job: beam.PTransform) -> None:
    try:
        with beam.Pipeline(runner=runner_from(options), options=options) as pipeline:
            _ = pipeline | label >> job
    except Exception as error:
        if (ours := worker_error(error)) is not None:
            raise ours from error
        raise


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
    nothing = identifier.identify(pa.array([], pa.string()))
    captions, (languages, scores) = pa.array([], pa.string()), nothing.columns
    reject_by_language(captions, languages, scores, recipe.language, Decision.keep_all(0))
    reject_by_captions(captions, recipe.captions, Decision.keep_all(0))
    reject_by_urls(captions, recipe.urls, Decision.keep_all(0))
    if recipe.metadata is not None:
        MetadataMatcher(recipe.metadata.entries).load()
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
        "input": ", ".join(inputs) or "the staging folder's own pairs",
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


def _staging_facts(folder: RunFolder, adopted: AdoptionPlan) -> dict[str, str]:
    facts = {"images taken from": f"{adopted.tars.url}, as its own settings shaped them"}
    if problems := problems_of(folder, adopted):
        facts["wrong with them"] = "; ".join(problems[:_PROBLEMS_SHOWN])
        if len(problems) > _PROBLEMS_SHOWN:
            facts["wrong with them"] += f"; and {len(problems) - _PROBLEMS_SHOWN} more"
    return facts


if __name__ == "__main__":
    from pipelines.command_line import main

    sys.exit(main(["curate", *sys.argv[1:]]))
