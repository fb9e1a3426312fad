"""The main job: a table of (URL, alt-text) in, webdataset shards and an account of every pair out.

`Curate` is the whole job as one transform; `babelsift.pipelines.job.run` is what `babelsift curate` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import apache_beam as beam
import pyarrow as pa

from babelsift.filters.image import process_image
from babelsift.pipelines.core.runners.placement import score_hints
from babelsift.pipelines.core.stage_outputs import REJECTED, StageOutputs
from babelsift.pipelines.core.transform import Transform, empty_collection
from babelsift.pipelines.inputs.slices import InputPlan
from babelsift.pipelines.job.embedding_stores import compared_stores, embedding_stores, model_stores
from babelsift.pipelines.job.plan import LAST_TEXT_STAGE, RunPlan, runs_through
from babelsift.pipelines.run_folder.manifest import Manifest
from babelsift.pipelines.run_folder.product import Product
from babelsift.pipelines.run_folder.replacement import ShrinkGuard, recipe_digest
from babelsift.pipelines.stages.balance import CONCEPTS, BalanceConcepts, CountConcepts, WriteConcepts, concept_files
from babelsift.pipelines.stages.columns.column_stages import ColumnStages, column_stages, merged_column_counts
from babelsift.pipelines.stages.columns.early_conditions import decide_early, late_conditions
from babelsift.pipelines.stages.columns.resolved import output_schema
from babelsift.pipelines.stages.concept_matching import MatchConcepts
from babelsift.pipelines.stages.decontaminate.by_embedding import DecontaminateEmbeddings
from babelsift.pipelines.stages.decontaminate.by_hash import Decontaminate
from babelsift.pipelines.stages.dedup.duplicates_table import DUPLICATES, URLS, WriteDuplicates
from babelsift.pipelines.stages.dedup.images import DedupImages
from babelsift.pipelines.stages.dedup.pairs import DedupPairs
from babelsift.pipelines.stages.dedup.removal_rates import RemovalWarnings
from babelsift.pipelines.stages.dedup.semantic import DedupSemantic
from babelsift.pipelines.stages.download.download_images import DownloadImages
from babelsift.pipelines.stages.frequency import FilterFrequencies
from babelsift.pipelines.stages.image_rules import FilterImages
from babelsift.pipelines.stages.img2dataset_folder.match_pairs import ReuseStaged
from babelsift.pipelines.stages.language import IdentifyLanguage
from babelsift.pipelines.stages.read import ROWS_READ, ReadPairs
from babelsift.pipelines.stages.report.descriptions import DescribeRows
from babelsift.pipelines.stages.report.draw_samples import SAMPLES_A_REASON, SAMPLES_KEPT, SampleRows
from babelsift.pipelines.stages.report.ledger import WriteLedger
from babelsift.pipelines.stages.report.misread_languages import MisreadLanguageWarnings
from babelsift.pipelines.stages.report.row_counts import CountRows, UrlsOfClusters
from babelsift.pipelines.stages.report.write_report import WriteReport
from babelsift.pipelines.stages.rules import EDITED, FilterPairs
from babelsift.pipelines.stages.score.score_pairs import ScorePairs
from babelsift.pipelines.stages.select.select_pairs import REPORT, SelectPairs
from babelsift.pipelines.stages.select.top_fractions import SimilarityHistograms
from babelsift.pipelines.stages.shard.choose_texts import ChooseTexts
from babelsift.pipelines.stages.shard.replace_product import BeginReplacement, ReplacementPlan
from babelsift.pipelines.stages.shard.write_shards import WriteShards
from babelsift.pipelines.stages.survivors import ReadSurvivors, WriteSurvivors
from babelsift.pipelines.staging.images import ReadImages, read_staged_images
from babelsift.pipelines.staging.img2dataset.imported_rows import imported_row_count
from babelsift.pipelines.staging.removed_images import UnlessRemoved
from babelsift.pipelines.staging.scores.score_store import ScoreStore
from babelsift.pipelines.staging.share import ALL, Share
from babelsift.schemas import Recipe, Stage

_ROWS_A_DEDUP_PART = 500_000
_ROWS_OF_ONE_DEDUP_PART = 100_000  # of more, one partition alone may be more than Flink sorts at once
ROWS_A_MATCH = 20_000


@dataclass
class Curate(Transform):
    """Every stage from the input's files to the finished run folder; emits the funnel as one dict.

    Attributes:
        plan: the run's.
        source: what it reads.
        manifest: the run folder's, with the facts of this run.
        share: of the staging partitions, which alone are downloaded, of pairs of which an earlier run has decided by
            texts; None: all.
    """

    plan: RunPlan
    source: InputPlan
    manifest: Manifest
    share: Share | None = None

    def stages(self, pbegin: beam.pvalue.PBegin) -> dict[Stage, Any]:
        """Returns the outputs of each stage."""
        plan, recipe, folder = self.plan, self.plan.recipe, self.plan.folder
        read_images = self._read_images()
        return curate_stages(
            pbegin,
            recipe,
            self.source.estimated_rows,
            read=ReadPairs(self.source, recipe.read, folder, plan.removed),
            download=self._images(),
            score=self._score(read_images),
            columns=self._columns(read_images),
            compared=compared_stores(folder, recipe, plan.models) if runs_through(Stage.SCORE, plan.until) else {},
            until=plan.until,
            survivors=None if self.share is None else ReadSurvivors(folder, LAST_TEXT_STAGE, plan.removed),
        )

    def _read_images(self) -> ReadImages:
        return partial(read_staged_images, tars=self._tars())

    def _tars(self) -> Any:
        return None if self.plan.imported is None else self.plan.imported.tars

    def expand(self, pbegin: beam.pvalue.PBegin) -> beam.PCollection[dict]:
        """The list of steps."""
        plan, recipe, folder = self.plan, self.plan.recipe, self.plan.folder
        stages, read_images, tars = self.stages(pbegin), self._read_images(), self._tars()
        if plan.until is not None:
            return self._survivors(stages, plan.until)
        unique, distinct = stages[Stage.DEDUP_IMAGES], stages[Stage.DEDUP_SEMANTIC]
        select, balance, chosen = stages[Stage.SELECT], stages[Stage.BALANCE], stages[Stage.SHARD]
        duplicates = (unique[DUPLICATES], distinct[DUPLICATES]) | "AllDuplicates" >> beam.Flatten()
        embeddings = embedding_stores(folder, recipe, plan.models)
        rejected = tuple(stage[REJECTED] for stage in stages.values()) | "Rejected" >> beam.Flatten()
        kept = {name: stage["kept"] for name, stage in stages.items() if name is not Stage.SHARD}
        counts = {"read": stages[Stage.READ][ROWS_READ], "kept": kept, "rejected": rejected} | "Count" >> CountRows()
        misread = _misread(rejected, counts)
        begin = BeginReplacement(self._replacement([store.name for store in embeddings]))
        begun = {"kept": chosen.kept, "counts": counts} | "Replace" >> begin
        urls = (unique[URLS], distinct[URLS]) | "AllUrls" >> beam.Flatten()
        parts = dedup_partitions(self.source.estimated_rows)
        clusters = duplicates | "Duplicates" >> WriteDuplicates(folder, recipe.seed, begun, parts)
        described = {name.value: stages[name]["kept"] for name in (Stage.LANGUAGE, Stage.DOWNLOAD)}
        described |= {"kept": chosen.kept, "rejected": rejected}
        return {
            "counts": counts,
            "shards": chosen.kept
            | "Shards" >> WriteShards(folder, recipe.shards, recipe.seed, embeddings, begun, read=read_images),
            "ledger": rejected | "Ledger" >> WriteLedger(folder, self.manifest.partitions, begun),
            "kept": (chosen.kept, stages[Stage.RULES][EDITED]) | "SampleKept" >> SampleRows(recipe, SAMPLES_KEPT),
            "rejected": rejected | "SampleRejected" >> SampleRows(recipe, SAMPLES_A_REASON),
            "descriptions": described | "Describe" >> DescribeRows(self.source.estimated_rows),
            "histograms": {
                name: distinct.kept | f"Histogram_{name}" >> SimilarityHistograms(name) for name in recipe.model_names
            },
            "columns": merged_column_counts(stages, chosen.kept),
            "selection": select[REPORT],
            "concepts": self._concepts(balance, chosen.kept, begun),
            "warnings": (misread, *self._removal_warnings(stages)) | "Warnings" >> beam.Flatten(),
            "clusters": clusters,
            "cluster_urls": urls | "ClusterUrls" >> UrlsOfClusters(clusters),
        } | "Report" >> WriteReport(folder, recipe, self.manifest.facts, tars, output_schema(plan.columns))

    def _score(self, read: ReadImages) -> beam.PTransform:
        score = ScorePairs(self.plan.folder, self.plan.recipe.clip, self.plan.recipe.all_heads, read=read)
        hints = score_hints(self.plan.options)
        return score.with_resource_hints(**hints) if hints else score

    def _columns(self, read: ReadImages) -> ColumnStages:
        plan = self.plan
        stores = model_stores(plan.folder, plan.recipe, plan.models)
        return column_stages(plan.folder, plan.recipe, plan.columns, self.manifest, read=read, stores=stores)

    def _survivors(self, stages: Mapping[Stage, Any], last: Stage) -> beam.PCollection[dict]:
        kept = {name: stage["kept"] for name, stage in stages.items()}
        rejected = tuple(stage[REJECTED] for stage in stages.values()) | "Rejected" >> beam.Flatten()
        counts = {"read": stages[Stage.READ][ROWS_READ], "kept": kept, "rejected": rejected} | "Count" >> CountRows()
        written = {"kept": kept[last], "rejected": rejected, "counts": counts}
        written |= {"warnings": _misread(rejected, counts)}
        made_from = self.manifest.fingerprints[last.value]
        return written | "Survivors" >> WriteSurvivors(self.plan.folder, last, self.manifest.partitions, made_from)

    def _replacement(self, models: Sequence[str]) -> ReplacementPlan:
        recipe, manifest = self.plan.recipe, self.manifest
        product = Product(
            models=tuple(models),
            ledger_files=manifest.partitions,
            concepts=concept_files(recipe.metadata) if recipe.metadata is not None else (),
            recipe=recipe_digest(manifest.stages),
        )
        return ReplacementPlan(self.plan.folder, recipe.shards, product, ShrinkGuard(is_off=self.plan.allow_shrink))

    def _removal_warnings(self, stages: Mapping[Stage, Any]) -> Iterator[beam.PCollection[list]]:
        recipe = self.plan.recipe
        bounds_of = {Stage.DEDUP_IMAGES: recipe.dedup_images, Stage.DEDUP_SEMANTIC: recipe.dedup_semantic}
        for stage, bounds in bounds_of.items():
            if bounds is not None:
                outputs = {"kept": stages[stage]["kept"], "rejected": stages[stage][REJECTED]}
                yield outputs | f"RemovalRates_{stage.value}" >> RemovalWarnings(stage, bounds)

    def _images(self) -> DownloadImages | ReuseStaged:
        plan, manifest = self.plan, self.manifest
        partitions, settings = manifest.partitions, plan.recipe.download
        if plan.imported is None:
            first, version = manifest.first_partitions, manifest.partitioning
            retry, share = plan.retry, self.share or ALL
            process = UnlessRemoved(process_image, plan.removed) if plan.removed else process_image
            return DownloadImages(
                plan.folder, settings, partitions, first, retry=retry, process=process, version=version, share=share
            )
        partitions = max(partitions, imported_row_count(plan.folder, plan.imported) // ROWS_A_MATCH + 1)
        return ReuseStaged(plan.folder, settings, plan.imported, partitions, plan.removed)

    def _concepts(
        self, balance: StageOutputs, kept: beam.PCollection, begun: beam.PCollection[Product]
    ) -> beam.PCollection[str]:
        if self.plan.recipe.metadata is None:
            return empty_collection(balance.kept, "NoConcepts", str)
        after = kept | "CountConcepts" >> CountConcepts(self.plan.recipe.metadata)
        write = WriteConcepts(self.plan.folder, self.plan.recipe.metadata, begun)
        return {"before": balance[CONCEPTS], "after": after} | "Concepts" >> write


def _misread(rejected: beam.PCollection, counts: beam.PCollection) -> beam.PCollection[list]:
    return {"rejected": rejected, "counts": counts} | "MisreadLanguages" >> MisreadLanguageWarnings()


def dedup_partitions(rows: int) -> int:
    """Returns in how many partitions about so many rows are compared.

    >>> dedup_partitions(10_000), dedup_partitions(500_000), dedup_partitions(10_000_000)
    (1, 2, 20)
    """
    return max(1 if rows < _ROWS_OF_ONE_DEDUP_PART else 2, rows // _ROWS_A_DEDUP_PART)


def curate_stages(
    pbegin: beam.pvalue.PBegin,
    recipe: Recipe,
    rows: int,
    *,
    read: beam.PTransform,
    download: beam.PTransform,
    score: beam.PTransform,
    columns: ColumnStages,
    language: beam.PTransform | None = None,
    compared: Mapping[str, ScoreStore] = MappingProxyType({}),
    until: Stage | None = None,
    survivors: beam.PTransform | None = None,
) -> dict[Stage, Any]:
    """The list of steps: every stage's outputs, `kept` and REJECTED, from reading to balancing.

    Args:
        rows: about how many there are; decides in how many partitions they are compared.
        read, download, score: where pairs, images and similarities come from: the input, the web and models, or a
            finished run folder.
        columns: the stages that make the recipe's columns, and where conditions decide.
        language: replaces IdentifyLanguage.
        compared: group of settings -> the stores of the embeddings that it compares.
        until: the last stage; None: balancing.
        survivors: the pairs that came through LAST_TEXT_STAGE, where an earlier run has decided that; None: it is
            decided here.
    """
    stages: dict[Stage, Any] = {}
    language = language or IdentifyLanguage(recipe.language)
    partitions = dedup_partitions(rows)

    def steps() -> Iterator[tuple[Stage, Any]]:
        if survivors is None:
            yield from _text_steps(pbegin, recipe, partitions, read=read, language=language, columns=columns)
            pairs = stages[LAST_TEXT_STAGE].kept
        else:
            pairs = pbegin | "Survivors" >> survivors
        yield from _image_steps(
            pairs, recipe, partitions, download=download, score=score, columns=columns, compared=compared
        )

    for stage, outputs in steps():  # what follows the last is never made
        stages[stage] = outputs
        if stage is until:
            break
    return stages


def _text_steps(
    pbegin: beam.pvalue.PBegin,
    recipe: Recipe,
    partitions: int,
    *,
    read: beam.PTransform,
    language: beam.PTransform,
    columns: ColumnStages,
) -> Iterator[tuple[Stage, Any]]:
    """Yields each stage up to LAST_TEXT_STAGE and its outputs; a stage is made when it is asked for."""
    placed = columns.placed
    pairs = decide_early(pbegin | "Read" >> read, Stage.READ, placed, [ROWS_READ])
    yield Stage.READ, pairs
    rules = pairs.kept | "Rules" >> FilterPairs(recipe.captions, recipe.urls, recipe.caption_edits)
    yield Stage.RULES, rules
    identified = decide_early(rules.kept | "Language" >> language, Stage.LANGUAGE, placed)
    yield Stage.LANGUAGE, identified
    if (make := columns.made.get(Stage.TEXT_COLUMNS)) is not None:
        identified = identified.kept | "TextColumns" >> make
        yield Stage.TEXT_COLUMNS, identified
    frequency = identified.kept | "Frequency" >> FilterFrequencies(recipe.frequency, partitions)
    yield Stage.FREQUENCY, frequency
    metadata = frequency.kept | "Metadata" >> MatchConcepts(recipe.metadata)
    yield Stage.METADATA, metadata
    distinct = metadata.kept | "DedupPairs" >> DedupPairs(recipe.dedup_pairs, partitions)
    yield Stage.DEDUP_PAIRS, distinct


def _image_steps(
    pairs: beam.PCollection[pa.RecordBatch],
    recipe: Recipe,
    partitions: int,
    *,
    download: beam.PTransform,
    score: beam.PTransform,
    columns: ColumnStages,
    compared: Mapping[str, ScoreStore],
) -> Iterator[tuple[Stage, Any]]:
    """Yields each stage from the download on and its outputs, as `_text_steps` does."""
    placed = columns.placed
    downloaded = decide_early(pairs | "Download" >> download, Stage.DOWNLOAD, placed)
    yield Stage.DOWNLOAD, downloaded
    images = downloaded["kept"] | "ImageRules" >> FilterImages(recipe.images)
    yield Stage.IMAGE_RULES, images
    clean = images.kept | "Decontaminate" >> Decontaminate(recipe.decontaminate, partitions)
    yield Stage.DECONTAMINATE, clean
    max_captions = recipe.frequency.max_captions_per_image
    unique = clean.kept | "DedupImages" >> DedupImages(recipe.dedup_images, partitions, max_captions)
    yield Stage.DEDUP_IMAGES, unique
    scored = decide_early(unique.kept | "Score" >> score, Stage.SCORE, placed)
    yield Stage.SCORE, scored
    if (make := columns.made.get(Stage.IMAGE_COLUMNS)) is not None:
        scored = scored.kept | "ImageColumns" >> make
        yield Stage.IMAGE_COLUMNS, scored
    decontaminate = DecontaminateEmbeddings(recipe.decontaminate, compared.get("decontaminate"))
    unseen = scored.kept | "DecontaminateEmbeddings" >> decontaminate
    yield Stage.DECONTAMINATE_EMBEDDINGS, unseen
    dedup_semantic = DedupSemantic(recipe.dedup_semantic, compared.get("dedup_semantic"), recipe.seed, partitions)
    meaning = unseen.kept | "DedupSemantic" >> dedup_semantic
    yield Stage.DEDUP_SEMANTIC, meaning
    select = meaning.kept | "Select" >> SelectPairs(
        late_conditions(recipe.select, placed), recipe.model_names, recipe.seed, placed.reasons, partitions
    )
    yield Stage.SELECT, select
    balance = select.kept | "Balance" >> BalanceConcepts(recipe.balance, recipe.metadata, recipe.seed)
    yield Stage.BALANCE, balance
    texts = ChooseTexts(recipe.shards.texts, recipe.select.model, recipe.model_names, recipe.seed)
    yield Stage.SHARD, balance.kept | "ChooseTexts" >> texts
