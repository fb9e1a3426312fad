"""The main job: a table of (URL, alt-text) in, webdataset shards and an account of every pair out.

    python -m pipelines.curate --recipe NAME|FILE --input GLOB --output DIR

is the same as `babelsift curate`. `Curate` is the whole job as one transform; `run` is what the command does.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

from filters.fetch import AddressPolicy
from filters.language import LanguageIdentifier
from filters.metadata import MetadataMatcher
from filters.rules import reject_by_captions, reject_by_language, reject_by_urls
from pipelines.accounting import SAMPLES_A_REASON, SAMPLES_KEPT, CountRows, SampleRows
from pipelines.batches import REJECTED
from pipelines.decontaminate import Decontaminate
from pipelines.dedup_images import DUPLICATES, DedupImages
from pipelines.dedup_pairs import DedupPairs
from pipelines.download import DownloadImages
from pipelines.duplicates import WriteDuplicates
from pipelines.frequency import FilterFrequencies
from pipelines.image_rules import FilterImages
from pipelines.inputs import InputPlan, plan_input
from pipelines.language import IdentifyLanguage
from pipelines.ledger import REJECTS, WriteLedger
from pipelines.manifest import open_manifest, save_manifest
from pipelines.metadata import MatchMetadata
from pipelines.read import ROWS_READ, ReadPairs
from pipelines.removal_rates import RemovalWarnings
from pipelines.rules import FilterPairs
from pipelines.run_folder import RunFolder
from pipelines.runners import runner_from, worker_error
from pipelines.score import ScorePairs, check_models
from pipelines.select import SelectPairs, SimilarityHistograms
from pipelines.shard_writer import SHARDS
from pipelines.shards import WriteShards
from pipelines.staging_layout import STAGING
from pipelines.write_report import FUNNEL, WriteReport, software_versions
from schemas import Decision, Funnel, Recipe, RecipeError, Stage
from schemas.parts import describe_missing

_ROWS_A_DEDUP_PART = 500_000


@dataclass
class Curate(beam.PTransform):
    """Every stage from the input's files to the finished run folder; emits the funnel as one dict.

    Attributes:
        plan: what to read. partitions: staging partitions of the run folder. facts: for the report.
    """

    recipe: Recipe
    folder: RunFolder
    plan: InputPlan
    partitions: int
    facts: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[dict]:
        """The list of steps."""
        recipe, folder = self.recipe, self.folder
        parts = max(1, self.plan.estimated_rows // _ROWS_A_DEDUP_PART)
        decider = recipe.select.model or next(iter(recipe.model_names), None)

        read = pbegin | "Read" >> ReadPairs(self.plan)
        rules = read.kept | "Rules" >> FilterPairs(recipe.captions, recipe.urls, recipe.caption_edits)
        language = rules.kept | "Language" >> IdentifyLanguage(recipe.language)
        frequency = language.kept | "Frequency" >> FilterFrequencies(recipe.frequency, parts)
        metadata = frequency.kept | "Metadata" >> MatchMetadata(recipe.metadata)
        pairs = metadata.kept | "DedupPairs" >> DedupPairs(recipe.dedup_pairs, parts)
        download = pairs.kept | "Download" >> DownloadImages(folder, recipe.download, self.partitions)
        images = download.kept | "ImageRules" >> FilterImages(recipe.images)
        clean = images.kept | "Decontaminate" >> Decontaminate(recipe.decontaminate, parts, self.plan.estimated_rows)
        unique = clean.kept | "DedupImages" >> DedupImages(recipe.dedup_images, parts, self.plan.estimated_rows)
        _ = unique[DUPLICATES] | "Duplicates" >> WriteDuplicates(folder)
        score = unique.kept | "Score" >> ScorePairs(folder, recipe.clip)
        select = score.kept | "Select" >> SelectPairs(recipe.select, decider)
        shards = select.kept | "Shards" >> WriteShards(folder, recipe.shards, recipe.seed)

        stages = {
            Stage.READ: read,
            Stage.RULES: rules,
            Stage.LANGUAGE: language,
            Stage.FREQUENCY: frequency,
            Stage.METADATA: metadata,
            Stage.DEDUP_PAIRS: pairs,
            Stage.DOWNLOAD: download,
            Stage.IMAGE_RULES: images,
            Stage.DECONTAMINATE: clean,
            Stage.DEDUP_IMAGES: unique,
            Stage.SCORE: score,
            Stage.SELECT: select,
        }
        rejected = tuple(stage[REJECTED] for stage in stages.values()) | "Rejected" >> beam.Flatten()
        kept = {name: stage.kept for name, stage in stages.items()}
        return {
            "counts": {"read": read[ROWS_READ], "kept": kept, "rejected": rejected} | "Count" >> CountRows(),
            "shards": shards,
            "ledger": rejected | "Ledger" >> WriteLedger(folder, self.partitions),
            "kept": select.kept | "SampleKept" >> SampleRows(recipe.seed, SAMPLES_KEPT),
            "rejected": rejected | "SampleRejected" >> SampleRows(recipe.seed, SAMPLES_A_REASON),
            "histograms": {
                name: score.kept | f"Histogram_{name}" >> SimilarityHistograms(name) for name in recipe.model_names
            },
            "warnings": {"kept": unique.kept, "rejected": unique[REJECTED]}
            | "RemovalRates" >> RemovalWarnings(recipe.dedup_images),
        } | "Report" >> WriteReport(folder, recipe, self.facts)


def run(
    recipe: Recipe,
    inputs: Sequence[str],
    output: str,
    *,
    url_column: str | None = None,
    caption_column: str | None = None,
    options: PipelineOptions | None = None,
) -> Funnel:
    """Curates the input into the run folder `output` and returns the funnel.

    Everything that can be wrong is looked at before the first row is read: the input's files and columns, the models,
    the output folder.

    Args: inputs: globs of files, any fsspec URL. output: run folder, any fsspec URL; what is in it already is reused.
    Raises: BabelsiftError: one of its kinds, with one line that names the remedy.
    """
    check_parts(recipe)
    plan = plan_input(inputs, url_column=url_column, caption_column=caption_column)
    folder = RunFolder(output).check_writable()
    check_settings(recipe)
    if recipe.clip:
        logging.info("models: loading %s", ", ".join(model.model for model in recipe.clip))
    models = check_models(recipe.clip)
    rows_per_partition = recipe.download.samples_per_staging_shard
    manifest = open_manifest(folder, rows=plan.estimated_rows, rows_per_partition=rows_per_partition)
    facts = _facts(recipe, inputs, plan, models)
    save_manifest(folder, manifest, facts)
    folder.remove(FUNNEL)  # its presence says that the folder is complete
    folder.remove_leftovers(SHARDS, REJECTS, STAGING)
    options = options or PipelineOptions([])
    try:
        with beam.Pipeline(runner=runner_from(options), options=options) as pipeline:
            _ = pipeline | "Curate" >> Curate(recipe, folder, plan, manifest.partitions, facts)
    except Exception as error:
        if (ours := worker_error(error)) is not None:
            raise ours from error
        raise
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
    """Tries what a recipe's text alone cannot show to be right: files and lists it names, networks, scripts.

    Raises: RecipeError, ModelError: the first of them that is not.
    """
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


def _facts(recipe: Recipe, inputs: Sequence[str], plan: InputPlan, models: dict[str, str]) -> dict[str, str]:
    facts = {
        "recipe": recipe.name,
        "seed": str(recipe.seed),
        "input": ", ".join(inputs),
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


if __name__ == "__main__":
    from pipelines.command_line import main

    sys.exit(main(["curate", *sys.argv[1:]]))
